// The built-in functions and variables of T-SQL that monitoring queries use.
#pragma once

#include <string_view>
#include <vector>

#include "tds_server/bound_expression.h"
#include "tds_server/server_view.h"

namespace tds_server {

// Both throw SqlError for names they do not know.
BoundExpression bind_function(std::string_view name, std::vector<BoundExpression> arguments, const ServerView& server);
BoundExpression bind_variable(std::string_view name, const ServerView& server);

// CONVERT with a style: binary as hex digits (1, 2), times as texts (112, 120, 121, 126).
Cell convert_styled(const Cell& value, const ColumnType& from, const ColumnType& to, int style);

}  // namespace tds_server
