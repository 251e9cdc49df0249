// What a simulated server's engine knows, beside the moment.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tds_server/fixture.h"
#include "tds_server/fixture_engine.h"
#include "tds_server/fixture_tables.h"
#include "tds_server/procedure_store.h"
#include "tds_server/shared_memory.h"

namespace tds_server {

struct Disturbance {
    std::chrono::milliseconds delay{0};
    int error = 0;
};

struct EngineState {
    EngineOptions options;
    std::shared_ptr<SharedMemory> memory;
    Catalogue* catalogue = nullptr;
    std::string content;  // equal for servers that answer alike
    ProcedureStore procedures;
    std::map<std::string, Disturbance> disturbances;
    std::optional<double> waits_cleared;         // the work that was done then
    std::map<std::int64_t, double> files_reset;  // by database
    std::string missing_file;                    // its name; empty: all are there
    FixtureEngine::Reuse reuse;
    TableMoment moment;
    std::string moment_key;  // empty: never the same again

    const FixtureData& data() const { return options.fixture->data(); }
};

// The rows of a recorded table at the moment, as this server has them. Columns that are not wanted may be NULL.
std::vector<Row> content_of(const EngineState& state, const RecordedTable& table, const ColumnSet& wanted = {});

}  // namespace tds_server
