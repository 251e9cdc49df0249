// The tables of a simulated server at any moment: the two recorded samples, carried on.
#pragma once

#include <cstdint>
#include <vector>

#include "tds_server/activity.h"
#include "tds_server/fixture.h"
#include "tds_server/server_view.h"

namespace tds_server {

// Times are counted in intervals between the recorded polls: 0 is the first one, 1 the second.
struct TableMoment {
    double time = 0;
    double work = 0;         // how far counters have grown, as times the recorded difference
    double swing = 0;        // where values that go up and down stand: 0 as in poll 1, 1 as in poll 2
    double pace = 1;         // relative to the recorded server
    std::int64_t shift = 0;  // what dates are later than recorded, in ticks (see timestamps.h)
    bool restarted = false;  // counters count from restarted_time and restarted_work on
    double restarted_time = 0;
    double restarted_work = 0;
};

// Columns that are not wanted may be NULL.
std::vector<Row> rows_at(const FixtureData& data, const RecordedTable& table, const TableMoment& moment,
                         const ColumnSet& wanted = {});

}  // namespace tds_server
