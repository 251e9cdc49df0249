// The part of T-SQL that a monitoring client speaks, as a tree.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tds_server/collation.h"
#include "tds_server/engine.h"

namespace tds_server {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;
struct Query;
using QueryPtr = std::unique_ptr<Query>;
struct Statement;
using Batch = std::vector<Statement>;

// "msdb.dbo.backupset": a bracketed part may have dots of its own.
struct ObjectName {
    std::vector<std::string> parts;

    std::string text() const;
};

struct OrderKey {
    ExpressionPtr value;
    bool descending = false;
};

struct Literal {
    Cell value;
    ColumnType type;
};
struct ColumnReference {
    std::string table;  // empty: not qualified
    std::string column;
};
struct Variable {
    std::string name;
};
// OVER (PARTITION BY ... ORDER BY ...)
struct Window {
    std::vector<ExpressionPtr> partition_by;
    std::vector<OrderKey> order_by;
};
struct Call {
    std::string name;
    std::vector<ExpressionPtr> arguments;
    bool star = false;      // COUNT(*)
    bool distinct = false;  // COUNT(DISTINCT x)
    std::unique_ptr<Window> window;
};
struct Cast {
    ExpressionPtr operand;
    ColumnType type;
    bool or_null = false;  // TRY_CAST
    int style = 0;
};
struct Collated {
    ExpressionPtr operand;
    std::optional<Collation> collation;  // nothing: the database's own
};
enum class Operator {
    add,
    subtract,
    multiply,
    divide,
    modulo,
    bit_and,
    bit_or,
    bit_xor,
    equal,
    unequal,
    less,
    less_equal,
    greater,
    greater_equal,
    conjunction,
    disjunction,
    negation,
    like
};
struct Operation {
    Operator op = Operator::add;
    ExpressionPtr left;
    ExpressionPtr right;  // null for negation
};
struct InList {
    ExpressionPtr operand;
    std::vector<ExpressionPtr> values;
    bool negated = false;
};
struct InQuery {
    ExpressionPtr operand;
    QueryPtr query;
    bool negated = false;
};
struct Exists {
    QueryPtr query;
};
// (SELECT ...) as a value
struct ScalarQuery {
    QueryPtr query;
};
struct Between {
    ExpressionPtr operand;
    ExpressionPtr low;
    ExpressionPtr high;
    bool negated = false;
};
struct NullTest {
    ExpressionPtr operand;
    bool negated = false;
};
struct Case {
    struct Branch {
        ExpressionPtr condition;
        ExpressionPtr value;
    };
    ExpressionPtr subject;  // CASE x WHEN 1 THEN ...
    std::vector<Branch> branches;
    ExpressionPtr otherwise;
};

struct Expression {
    std::variant<Literal, ColumnReference, Variable, Call, Cast, Collated, Operation, InList, InQuery, Exists,
                 ScalarQuery, Between, NullTest, Case>
        node;
};

struct SelectItem {
    ExpressionPtr value;  // null: all columns of star_table, or of all tables if that is empty
    std::string star_table;
    std::string alias;
    std::string variable;  // SELECT @x = ...
};

enum class Join { none, cross, inner, left, right, full, cross_apply, outer_apply };

struct Source {
    Join join = Join::none;
    ObjectName table;  // or one of the two below
    QueryPtr query;
    std::vector<std::vector<ExpressionPtr>> values;  // VALUES (...), (...)
    std::string alias;
    std::vector<std::string> column_names;  // of "AS t(a, b)"
    std::vector<ExpressionPtr> arguments;   // of a table-valued function
    bool function = false;
    ExpressionPtr on;
};

struct Select {
    bool distinct = false;
    ExpressionPtr top;
    std::vector<SelectItem> items;
    std::vector<Source> sources;
    ExpressionPtr where;
    std::vector<ExpressionPtr> group_by;
    ExpressionPtr having;
};

struct CommonTable {
    std::string name;
    std::vector<std::string> column_names;
    QueryPtr query;
};

// SELECT ... UNION [ALL] SELECT ... ORDER BY ...
struct Query {
    std::vector<CommonTable> with;
    std::vector<Select> branches;
    std::vector<bool> keep_duplicates;  // one between every two branches: UNION ALL
    std::vector<OrderKey> order_by;
    ExpressionPtr offset;
    ExpressionPtr fetch;
};

struct Argument {
    std::string name;  // @x = ..., or empty
    ExpressionPtr value;
};
struct Execute {
    ObjectName procedure;
    std::vector<Argument> arguments;
};
// EXEC (N'...')
struct ExecuteText {
    ExpressionPtr text;
};
struct Print {
    ExpressionPtr text;
};
struct Use {
    std::string database;
};
struct RaiseError {
    ExpressionPtr number_or_text;
    ExpressionPtr level;
    ExpressionPtr state;
};
// What this server's answers do not depend on: SET NOCOUNT, BEGIN TRAN and the like.
struct Accepted {};
struct Declare {
    struct Item {
        std::string name;
        ColumnType type;
        ExpressionPtr value;
    };
    std::vector<Item> items;
};
struct Assign {
    std::string variable;
    ExpressionPtr value;
};
struct Return {
    ExpressionPtr status;
};
// DBCC SQLPERF('sys.dm_os_wait_stats', CLEAR)
struct ClearStatistics {
    std::string view;
};
struct CreateSchema {
    std::string name;
};
struct CreateProcedure {
    enum class Mode { create, alter, create_or_alter };
    Mode mode = Mode::create;
    ObjectName name;
    Declare parameters;
    bool as_owner = false;  // WITH EXECUTE AS OWNER
    std::string body;
};
struct DropProcedure {
    ObjectName name;
    bool if_exists = false;
};
// GRANT, DENY, CREATE LOGIN and others that only an administrator may do.
struct Administration {
    enum class Kind { grant_execute, deny_execute, sign, create, drop, other };
    Kind kind = Kind::other;
    ObjectName object;         // a procedure, or a schema alone; or what is made or dropped
    std::string object_class;  // LOGIN, USER, ROLE, CERTIFICATE
    std::string to;            // the login or role
};
// SET ROWCOUNT n: results end after so many rows; 0: they do not.
struct SetRowCount {
    ExpressionPtr rows;
};

struct If {
    ExpressionPtr condition;
    std::unique_ptr<Statement> then;
    std::unique_ptr<Statement> otherwise;
};
struct Block {
    Batch statements;
};
struct TryCatch {
    Batch attempt;
    Batch handler;
};

struct Statement {
    std::variant<Accepted, SetRowCount, Query, Execute, ExecuteText, Print, Use, RaiseError, Declare, Assign, Return,
                 ClearStatistics, CreateSchema, CreateProcedure, DropProcedure, Administration, If, Block, TryCatch>
        node;
};

}  // namespace tds_server
