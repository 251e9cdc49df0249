// The recorded answers of one SQL Server, as read from the fixture file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tds_server/engine.h"
#include "tds_server/fixture_engine.h"
#include "tds_server/growth.h"

namespace tds_server {

struct RecordedTable {
    std::string name;
    std::vector<Column> columns;
    std::vector<Row> poll1;
    std::vector<Row> poll2;
    GrowthPlan growth;

    std::optional<std::size_t> column(std::string_view wanted) const;
};

struct FixtureData {
    std::vector<RecordedTable> tables;
    RecordedTable identity;  // one row: what SERVERPROPERTY() and the clocks say
    std::map<int, ServerMessage> errors;
    std::int64_t utc_ticks = 0;  // of the first poll, see timestamps.h
    std::int64_t utc_offset_ticks = 0;
    std::int64_t ms_between_polls = 0;
    int spid = 0;  // the session that recorded it

    // Null: nothing was recorded under this name.
    const RecordedTable* table(std::string_view name) const;
};

}  // namespace tds_server
