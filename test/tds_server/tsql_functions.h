// The built-in functions and variables of T-SQL that monitoring queries use.
#pragma once

#include <string_view>
#include <vector>

#include "tds_server/bound_expression.h"
#include "tds_server/server_view.h"

namespace tds_server {

// Both throw SqlError for names they do not know. The server must outlive what is returned.
BoundExpression bind_function(std::string_view name, std::vector<BoundExpression> arguments, const ServerView& server);
BoundExpression bind_variable(std::string_view name, const ServerView& server);

// Whether the name is SUM, COUNT, MIN, MAX, AVG.
bool is_aggregate(std::string_view name) noexcept;
// COUNT(*) has no argument.
BoundExpression bind_aggregate(std::string_view name, std::vector<BoundExpression> arguments);

}  // namespace tds_server
