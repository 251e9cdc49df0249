// An expression whose names are resolved: it has a type, and a value for every row.
#pragma once

#include <functional>
#include <vector>

#include "tds_server/engine.h"

namespace tds_server {

// One row of every source of a SELECT; null where an outer join found none.
using Tuple = std::vector<const Row*>;

struct Frame {
    const Tuple* tuple = nullptr;
    const std::vector<Tuple>* group = nullptr;  // what aggregates run over
};

struct BoundExpression {
    ColumnType type;
    std::function<Cell(const Frame&)> value;
    bool aggregate = false;
};

}  // namespace tds_server
