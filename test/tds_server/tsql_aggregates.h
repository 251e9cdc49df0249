// SUM, COUNT, MIN, MAX, AVG over groups and windows, and the functions that number rows.
#pragma once

#include <string_view>
#include <vector>

#include "tds_server/bound_expression.h"

namespace tds_server {

bool is_aggregate(std::string_view name) noexcept;
bool is_ranking(std::string_view name) noexcept;  // ROW_NUMBER, RANK, DENSE_RANK

// COUNT(*) has no argument. Throws SqlError.
BoundExpression bind_aggregate(std::string_view name, bool distinct, std::vector<BoundExpression> arguments,
                               const Collation& collation);

// The same over values that are there already; no argument: how many.
Cell aggregate_values(std::string_view name, const ColumnType& type, const std::vector<Cell>& values, bool distinct,
                      const Collation& collation);

}  // namespace tds_server
