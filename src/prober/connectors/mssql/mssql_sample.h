// What one poll read from a SQL Server: result sets become counters and gauges. No arithmetic yet; a missing or odd
// value is simply absent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/rates.h"
#include "prober/connectors/mssql/mssql_metric.h"
#include "prober/freetds/tds_rows.h"

namespace vitals::prober {

// Group server.
struct MssqlServer {
    std::string version;  // "16.0.4105.2"
    std::string edition;
    std::optional<std::int64_t> engine_edition;  // 5: Azure SQL Database, 8: Managed Instance
    std::string name;
    bool may_view_state = false;         // VIEW SERVER STATE, or VIEW SERVER PERFORMANCE STATE of 2022
    std::optional<std::int64_t> utc_us;  // the server's clock, microseconds since 1970

    // First number of the version, 16 for SQL Server 2022; 0 where it cannot be read.
    [[nodiscard]] int major_version() const;
};

struct MssqlSample {
    std::optional<MssqlServer> server;

    // Group sysinfo.
    std::optional<core::SampleClock> clock;
    std::optional<std::int64_t> cpu_count;
    std::optional<std::int64_t> process_kernel_ms;
    std::optional<std::int64_t> process_user_ms;

    // Group memory, KB.
    std::optional<double> memory_total;
    std::optional<double> memory_available;

    // Group counters.
    std::optional<std::int64_t> user_connections;
    std::optional<std::int64_t> processes_blocked;
    std::optional<std::int64_t> batch_requests;
    std::optional<std::int64_t> page_life_expectancy_s;

    // Group waits: wait_time_ms by type, benign types left out.
    std::optional<core::CounterSet> waits;

    // Group files: by database and file.
    std::optional<core::CounterSet> file_reads;
    std::optional<core::CounterSet> file_writes;

    // Group cpu_history: SQL Server's share of the CPU in the newest record of the ring buffer, percent.
    std::optional<double> recorded_cpu_percent;
};

// Result sets are told apart by the name of their first column (group_name); others are ignored.
MssqlSample read_mssql_sample(const std::vector<ResultSet>& sets);

// The result set of a group, or nullptr.
const ResultSet* find_group(const std::vector<ResultSet>& sets, MssqlGroup group);

}  // namespace vitals::prober
