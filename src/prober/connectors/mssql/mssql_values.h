// The arithmetic: two samples become the values that are stored.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "core/wire.h"
#include "prober/connectors/mssql/mssql_metric.h"
#include "prober/connectors/mssql/mssql_sample.h"

namespace vitals::prober {

struct MssqlValues {
    std::vector<core::Value> values;    // one for each metric asked for, in their order
    std::optional<double> interval_ms;  // what rates were computed over; nothing without a valid predecessor
};

// `before` is the predecessor, or nullptr. `gap` is how old it may be (core::max_gap). No value where the server did
// not say, where there is no valid predecessor, and for connection_count and blocked_processes without the permission
// to see all sessions.
//
// Formulas (d = difference to the predecessor, dt = d(ms_ticks)):
//   cpu_percent          100 * (d(kernel) + d(user)) / (dt * cpu_count) of SQL Server's process; where these times
//                        stand still, ProcessUtilization of the newest ring buffer record, once asked. 0 … 100.
//   memory_percent       100 * (total - available) / total physical memory of the host
//   connection_count     General Statistics\User Connections
//   batch_requests_sec   d(SQL Statistics\Batch Requests/sec) / dt
//   page_life_expectancy Buffer Manager\Page life expectancy, seconds
//   blocked_processes    General Statistics\Processes blocked
//   wait_time_ms         sum of d(wait_time_ms) over all but benign types: milliseconds waited in the interval
//   disk_io_reads        sum of d(num_of_reads) over files / dt; disk_io_writes alike
MssqlValues compute_mssql_values(const MssqlSample* before, const MssqlSample& now,
                                 const std::vector<MssqlMetric>& metrics, std::chrono::milliseconds gap);

// True when the process CPU times are zero or stood still, so that the ring buffer has to be asked next time.
bool lacks_process_cpu(const MssqlSample* before, const MssqlSample& now);

}  // namespace vitals::prober
