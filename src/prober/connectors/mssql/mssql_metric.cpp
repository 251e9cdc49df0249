#include "prober/connectors/mssql/mssql_metric.h"

#include <algorithm>

namespace vitals::prober {

namespace {

MssqlGroup group_of(MssqlMetric metric) {
    switch (metric) {
        case MssqlMetric::cpu_percent:
            return MssqlGroup::sysinfo;
        case MssqlMetric::memory_percent:
            return MssqlGroup::memory;
        case MssqlMetric::wait_time_ms:
            return MssqlGroup::waits;
        case MssqlMetric::disk_io_reads:
        case MssqlMetric::disk_io_writes:
            return MssqlGroup::files;
        case MssqlMetric::connection_count:
        case MssqlMetric::batch_requests_sec:
        case MssqlMetric::page_life_expectancy:
        case MssqlMetric::blocked_processes:
            break;
    }
    return MssqlGroup::counters;
}

}  // namespace

std::string_view to_text(MssqlMetric metric) noexcept {
    const auto* found = std::find_if(mssql_metric_names.begin(), mssql_metric_names.end(),
                                     [&](const auto& entry) { return entry.first == metric; });
    return found->second;
}

std::vector<MssqlMetric> select_mssql_metrics(const std::vector<std::string>& names) {
    std::vector<MssqlMetric> selected;
    for (const auto& [metric, name] : mssql_metric_names) {
        if (names.empty() || std::find(names.begin(), names.end(), name) != names.end()) selected.push_back(metric);
    }
    return selected;
}

std::vector<MssqlGroup> groups_for(const std::vector<MssqlMetric>& metrics, bool with_cpu_history) {
    std::vector<MssqlGroup> groups{MssqlGroup::server, MssqlGroup::sysinfo};
    for (const MssqlMetric metric : metrics) {
        groups.push_back(group_of(metric));
        if (metric == MssqlMetric::cpu_percent && with_cpu_history) groups.push_back(MssqlGroup::cpu_history);
    }
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
    return groups;
}

}  // namespace vitals::prober
