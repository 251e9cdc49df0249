// Resolves the names in expressions and gives them types.
#pragma once

#include "tds_server/bound_expression.h"
#include "tds_server/tsql_ast.h"
#include "tds_server/tsql_plan.h"

namespace tds_server {

// Throws SqlError: 207, 4104, 209, 195 and others.
BoundExpression bind_expression(const Expression& expression, const BindContext& context);

BoundExpression bind_column(const Scope& scope, std::size_t table, std::size_t column);

// Comparisons of two values as the operator's sides have their types and collations.
int compare_bound(const Cell& a, const Cell& b, const ColumnType& type, const Collation& collation);

}  // namespace tds_server
