// What T-SQL's operators make of values.
#pragma once

#include <cstdint>
#include <string_view>

#include "tds_server/engine.h"
#include "tds_server/tsql_ast.h"

namespace tds_server {

// LIKE with %, _ and sets, on collation keys.
bool is_like(std::string_view text, std::string_view pattern);

ColumnType arithmetic_type(Operator op, const ColumnType& left, const ColumnType& right);

// All throw SqlError: 8115, 8134.
Cell compute_integers(Operator op, std::int64_t left, std::int64_t right);
Cell compute_numbers(Operator op, double left, double right);
// A date and a number of days, in either order.
Cell add_days(Operator op, const Cell& a, const Cell& b, const ColumnType& type);

}  // namespace tds_server
