// What the connector reads of every server for itself, because everything else depends on it: who it is, what this
// login may see, its clock and the life of its counters, and the CPU times of its process.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/rates.h"
#include "prober/freetds/tds_rows.h"

namespace vitals::prober {

constexpr std::int64_t azure_sql_database = 5;  // SERVERPROPERTY('EngineEdition')
constexpr std::int64_t managed_instance = 8;
constexpr std::string_view server_state = "VIEW SERVER STATE";
constexpr std::int64_t us_per_ms = 1000;

// The metrics that are made of it.
constexpr std::string_view cpu_metric = "cpu_percent";
constexpr std::string_view clock_skew_metric = "clock_skew_ms";

// Result set "server".
struct MssqlServer {
    std::string version;  // "16.0.4105.2"
    std::string edition;
    std::optional<std::int64_t> engine_edition;
    std::string name;
    bool may_view_server_state = false;  // VIEW SERVER STATE, or VIEW SERVER PERFORMANCE STATE of 2022
    bool may_view_database_state = false;
    bool may_view_definitions = false;
    std::optional<std::int64_t> utc_us;  // the server's clock, microseconds since 1970

    // First number of the version, 16 for SQL Server 2022; 0 where it cannot be read.
    [[nodiscard]] int major_version() const;
    // Whether the login has what MetricGroup::permission names; a text that the server was not asked about is granted,
    // and the statement will show. In Azure SQL Database the state of the database is all there is.
    [[nodiscard]] bool permits(std::string_view permission) const noexcept;
};

// Result set "sysinfo".
struct MssqlProcess {
    std::optional<core::SampleClock> clock;
    std::optional<std::int64_t> cpu_count;
    std::optional<std::int64_t> kernel_ms;
    std::optional<std::int64_t> user_ms;
};

// Nothing where the set has no row.
std::optional<MssqlServer> read_mssql_server(const ResultSet& set);
MssqlProcess read_mssql_process(const ResultSet& set);

// Result set "cpu_history": SQL Server's share of the CPU in the newest record of the ring buffer that is not older
// than `clock` allows, percent.
std::optional<double> read_recorded_cpu(const ResultSet& set, const std::optional<core::SampleClock>& clock);

// CPU used by the process since the sample before, 0 … 100 % of all CPUs:
//   100 * (d(kernel) + d(user)) / (d(ms_ticks) * cpu_count)
// Where these times stand still, an idle server or one that does not keep them, what the ring buffer recorded, once it
// was asked. `before` is the predecessor, or nullptr; `gap` how old it may be (core::max_gap).
std::optional<double> mssql_cpu_percent(const MssqlProcess* before, const MssqlProcess& now,
                                        std::optional<double> recorded, std::chrono::milliseconds gap);

// True when the times are zero or stood still, so that the ring buffer has to be asked next time.
bool lacks_process_cpu(const MssqlProcess* before, const MssqlProcess& now);

}  // namespace vitals::prober
