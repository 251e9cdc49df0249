// T-SQL's functions of dates.
#pragma once

#include <vector>

#include "tds_server/bound_expression.h"

namespace tds_server {

// As the arguments come: the unit's name first.
Cell date_difference(const std::vector<Cell>& values);      // DATEDIFF: 535 where it does not fit into an int
Cell big_date_difference(const std::vector<Cell>& values);  // DATEDIFF_BIG
Cell date_sum(const std::vector<Cell>& values);             // DATEADD
Cell date_part(const std::vector<Cell>& values);            // DATEPART

std::int64_t ticks_of(const Cell& value);

}  // namespace tds_server
