// Resolves the names in expressions and gives them types.
#pragma once

#include <string>
#include <vector>

#include "tds_server/bound_expression.h"
#include "tds_server/server_view.h"
#include "tds_server/tsql_ast.h"

namespace tds_server {

// A table that column names may refer to.
struct ScopeTable {
    std::string name;  // alias, or the table's own
    const std::vector<Column>* columns = nullptr;
    bool nullable = false;  // the right side of an outer join
};
using Scope = std::vector<ScopeTable>;

// Throws SqlError: 207, 4104, 209, 195 and others. The server must outlive what is returned.
BoundExpression bind_expression(const Expression& expression, const Scope& scope, const ServerView& server);

BoundExpression bind_column(const Scope& scope, std::size_t table, std::size_t column);

}  // namespace tds_server
