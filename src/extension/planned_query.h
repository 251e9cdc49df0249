// Statements whose plan the process keeps for the next call with the same text.
#pragma once

#include <cstdint>

#include "pg/pg.h"

namespace vitals::ext {

constexpr int max_planned_arguments = 8;

struct PlannedQuery {
    const char* statement;
    bool changes;  // false: a SELECT, as of the active snapshot; true: what it changes is seen by what comes after it
    int count;     // of arguments
    Oid types[max_planned_arguments];
    Datum values[max_planned_arguments];
    char nulls[max_planned_arguments + 1];  // 'n' where an argument is NULL, else ' '
};

// Runs a statement with the current role's rights; the rows are in SPI_tuptable, 0 for all of them. Between
// SPI_connect and SPI_finish, in a frame that has nothing to destroy.
void run_planned(PlannedQuery& query, long most_rows);

}  // namespace vitals::ext
