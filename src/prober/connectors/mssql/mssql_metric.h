// The metrics of the connector, and which groups of the batch each of them needs.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vitals::prober {

enum class MssqlMetric {
    cpu_percent,
    memory_percent,
    connection_count,
    batch_requests_sec,
    page_life_expectancy,
    blocked_processes,
    wait_time_ms,
    disk_io_reads,
    disk_io_writes,
};

// The names as they are stored.
constexpr std::array<std::pair<MssqlMetric, std::string_view>, 9> mssql_metric_names{{
    {MssqlMetric::cpu_percent, "cpu_percent"},
    {MssqlMetric::memory_percent, "memory_percent"},
    {MssqlMetric::connection_count, "connection_count"},
    {MssqlMetric::batch_requests_sec, "batch_requests_sec"},
    {MssqlMetric::page_life_expectancy, "page_life_expectancy"},
    {MssqlMetric::blocked_processes, "blocked_processes"},
    {MssqlMetric::wait_time_ms, "wait_time_ms"},
    {MssqlMetric::disk_io_reads, "disk_io_reads"},
    {MssqlMetric::disk_io_writes, "disk_io_writes"},
}};

std::string_view to_text(MssqlMetric metric) noexcept;

// The metrics that a job asks for, in the order of the table above; all of them for an empty list. Names of other
// connectors are no error: one list serves servers of every kind.
std::vector<MssqlMetric> select_mssql_metrics(const std::vector<std::string>& names);

// One statement of the batch, one result set.
enum class MssqlGroup {
    server,       // identity, permissions, clock
    sysinfo,      // ticks, start, process CPU times
    memory,       // physical memory of the host
    counters,     // performance counters
    waits,        // wait statistics
    files,        // file statistics
    cpu_history,  // ring buffer, where the process CPU times are not kept
};

// The groups that are needed for `metrics`, in the order of the batch; server and sysinfo always.
std::vector<MssqlGroup> groups_for(const std::vector<MssqlMetric>& metrics, bool with_cpu_history);

}  // namespace vitals::prober
