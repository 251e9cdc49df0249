// The part of T-SQL that a monitoring client speaks, as a tree.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tds_server/engine.h"

namespace tds_server {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

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
struct Call {
    std::string name;
    std::vector<ExpressionPtr> arguments;
    bool star = false;  // COUNT(*)
};
struct Cast {
    ExpressionPtr operand;
    ColumnType type;
};
enum class Operator {
    add,
    subtract,
    multiply,
    divide,
    modulo,
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
    std::variant<Literal, ColumnReference, Variable, Call, Cast, Operation, InList, Between, NullTest, Case> node;
};

struct SelectItem {
    ExpressionPtr value;  // null: all columns of star_table, or of all tables if that is empty
    std::string star_table;
    std::string alias;
};

enum class Join { none, cross, inner, left, cross_apply, outer_apply };

struct Source {
    Join join = Join::none;
    std::string table;  // as written, with dots between its parts
    std::string alias;
    std::vector<ExpressionPtr> arguments;  // of a table-valued function
    ExpressionPtr on;
};

struct OrderKey {
    ExpressionPtr value;
    bool descending = false;
};

struct Select {
    bool distinct = false;
    ExpressionPtr top;
    std::vector<SelectItem> items;
    std::vector<Source> sources;
    ExpressionPtr where;
    std::vector<ExpressionPtr> group_by;
    ExpressionPtr having;
    std::vector<OrderKey> order_by;
};

struct Execute {
    std::string procedure;
    std::vector<ExpressionPtr> arguments;
};
struct Print {
    ExpressionPtr text;
};
struct Use {
    std::string database;
};
// SET ..., BEGIN TRAN and the like: nothing that this server's answers depend on.
struct Accepted {};

struct Statement;
struct If {
    ExpressionPtr condition;
    std::unique_ptr<Statement> then;
    std::unique_ptr<Statement> otherwise;
};

struct Statement {
    std::variant<Accepted, Select, Execute, Print, Use, If> node;
};

using Batch = std::vector<Statement>;

}  // namespace tds_server
