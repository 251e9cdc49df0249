// A query whose names are resolved for one kind of server.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tds_server/bound_expression.h"
#include "tds_server/relation.h"
#include "tds_server/server_view.h"
#include "tds_server/tsql_ast.h"

namespace tds_server {

struct BoundOrder {
    BoundExpression value;
    bool descending = false;
};

struct BoundWindow {
    std::string function;
    std::vector<BoundExpression> arguments;
    std::vector<BoundExpression> partition_by;
    std::vector<BoundOrder> order_by;
};

struct BoundSource {
    Join join = Join::none;
    const Relation* relation = nullptr;
    std::shared_ptr<const QueryPlan> query;
    bool recursion = false;  // the rows that the round before gave, see QueryPlan::recursive
    std::vector<std::vector<BoundExpression>> values;
    std::vector<Column> columns;
    // Of a relation: what expressions read, found out as they are bound.
    std::shared_ptr<ColumnSet> read_columns;
    std::vector<BoundExpression> arguments;
    std::optional<BoundExpression> on;
};

struct BoundSelect {
    std::vector<BoundSource> sources;
    std::vector<Column> columns;
    std::vector<BoundExpression> values;
    std::vector<std::string> variables;  // SELECT @x = ...: one name a value, or none at all
    std::vector<BoundWindow> windows;
    std::optional<BoundExpression> where;
    std::vector<BoundExpression> group_by;
    std::optional<BoundExpression> having;
    std::vector<BoundOrder> order_by;
    std::optional<BoundExpression> top;
    bool distinct = false;
    bool aggregates = false;
};

// Results that were made for equal servers at equal moments.
struct PlanMemory {
    bool of_session = false;  // the result depends on who asks
    bool of_server = false;   // or on the server's name
    bool never = false;       // or on what cannot be compared
    std::unordered_map<std::string, SharedResultPtr> results;
};

class QueryPlan {
  public:
    std::vector<Column> columns;
    std::vector<BoundSelect> branches;
    bool recursive = false;  // of two branches the second one runs over its own rows until it gives none
    std::vector<bool> keep_duplicates;
    std::vector<BoundOrder> order_by;  // of a union: over its columns
    std::optional<BoundExpression> offset;
    std::optional<BoundExpression> fetch;
    mutable PlanMemory memory;

    // Whether rows stay the same rows where one of their columns is left out.
    bool has_independent_columns() const;
};

// A table that column names may refer to.
struct ScopeTable {
    std::string name;  // alias, or the table's own
    std::vector<Column> columns;
    bool nullable = false;  // a side of an outer join
    std::shared_ptr<ColumnSet> read_columns;
};
using Scope = std::vector<ScopeTable>;

// Where names are looked up: in the tables of a SELECT, then in those of the queries around it.
struct BindContext {
    const ServerView& server;
    const VariableTypes& variables;
    const Scope* scope = nullptr;
    const BindContext* outer = nullptr;
    const std::vector<CommonTable>* with = nullptr;
    std::size_t with_count = 0;              // so many of them are there already
    const BindContext* with_next = nullptr;  // where common tables are looked up next
    const CommonTable* recursion = nullptr;  // in the recursive part of this one, whose columns are those
    const std::vector<Column>* recursion_columns = nullptr;
    std::vector<BoundWindow>* windows = nullptr;
};

// Throws SqlError: 207, 208, 4104, 209, 195 and others. Outlives neither the query nor the kind of server. outer: the
// SELECT around it, for columns; names: the same for common tables.
std::shared_ptr<const QueryPlan> plan_query(const Query& query, const ServerView& server,
                                            const VariableTypes& variables, const BindContext* outer,
                                            const BindContext* names);

// Where a query runs; outer is null at the top.
struct QueryFrame {
    const ServerView& server;
    const Variables& variables;
    const Frame* outer = nullptr;
    // SELECT @x = ...: takes the values of one row after the other, which the next row sees.
    Variables* assigned = nullptr;
    const std::vector<Row>* recursion = nullptr;  // what the round before gave
    const ColumnSet* wanted = nullptr;            // the other columns of the result may be NULL
};

std::vector<Row> run_query(const QueryPlan& plan, const QueryFrame& frame);
// SELECT @x = ...: the last row's values stay.
void run_assignment(const QueryPlan& plan, const QueryFrame& frame, Variables& variables);

}  // namespace tds_server
