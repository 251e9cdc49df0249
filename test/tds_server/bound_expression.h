// An expression whose names are resolved: it has a type, and a value for every row.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tds_server/collation.h"
#include "tds_server/engine.h"

namespace tds_server {

class ServerView;

// One row of every source of a SELECT; null where an outer join found none.
using Tuple = std::vector<const Row*>;

// What @x holds, by its name.
using Variables = std::map<std::string, Cell, std::less<>>;
using VariableTypes = std::map<std::string, ColumnType, std::less<>>;

// Where an expression is evaluated.
struct Frame {
    const Tuple* tuple = nullptr;
    const std::vector<Tuple>* group = nullptr;  // what aggregates run over
    const Frame* outer = nullptr;               // of the query around a subquery
    const ServerView* server = nullptr;
    const Variables* variables = nullptr;
    const std::vector<Cell>* windows = nullptr;  // values of the window functions for this row
};

struct ColumnPlace {
    std::size_t table = 0;
    std::size_t column = 0;
};

struct BoundExpression {
    ColumnType type;
    std::function<Cell(const Frame&)> value;
    bool aggregate = false;
    std::optional<Cell> constant{};        // the value, where it is the same everywhere
    std::optional<Collation> collation{};  // of COLLATE
    std::optional<ColumnPlace> place{};    // of a column in the tuple of the frame

    // The value, without a copy of one that is somewhere already; room is for the others.
    const Cell& read(const Frame& frame, Cell& room) const {
        if (constant) return *constant;
        if (!place) return room = value(frame);
        const Row* row = (*frame.tuple)[place->table];
        if (row == nullptr) return room = Cell{};
        return (*row)[place->column];
    }
};

}  // namespace tds_server
