#include "prober/connectors/mssql/mssql_values.h"

#include <algorithm>
#include <string>

namespace vitals::prober {

namespace {

constexpr double whole = 100.0;

using Interval = std::optional<std::chrono::milliseconds>;

std::optional<double> to_number(std::optional<std::int64_t> integer) {
    return integer ? std::optional(static_cast<double>(*integer)) : std::nullopt;
}

// Two samples of which the first is a valid predecessor of the second.
struct Step {
    const MssqlSample& before;
    const MssqlSample& now;
    std::chrono::milliseconds interval;
};

std::optional<double> process_cpu_ms(const MssqlSample& before, const MssqlSample& now) {
    const auto kernel = core::counter_delta(before.process_kernel_ms, now.process_kernel_ms);
    const auto user = core::counter_delta(before.process_user_ms, now.process_user_ms);
    if (!kernel || !user) return std::nullopt;
    return static_cast<double>(*kernel) + static_cast<double>(*user);
}

// Process times that stand still mean an idle server, or one that does not keep them: its own record tells.
std::optional<double> cpu_percent(const std::optional<Step>& step, const MssqlSample& now) {
    if (!step || !now.cpu_count || *now.cpu_count <= 0) return now.recorded_cpu_percent;
    const auto used = process_cpu_ms(step->before, now);
    if (used.value_or(0) == 0 && now.recorded_cpu_percent) return now.recorded_cpu_percent;
    if (!used || now.process_user_ms == 0) return std::nullopt;
    const double available = static_cast<double>(step->interval.count()) * static_cast<double>(*now.cpu_count);
    return std::clamp(whole * *used / available, 0.0, whole);
}

std::optional<double> memory_percent(const MssqlSample& now) {
    if (!now.memory_total || !now.memory_available || *now.memory_total <= 0) return std::nullopt;
    if (*now.memory_available < 0 || *now.memory_available > *now.memory_total) return std::nullopt;
    return whole * ((*now.memory_total - *now.memory_available) / *now.memory_total);
}

std::optional<double> sum_of(const std::optional<core::CounterSet>& before, const std::optional<core::CounterSet>& now,
                             core::KeyRule rule) {
    if (!before || !now) return std::nullopt;
    return core::delta_sum(*before, *now, rule);
}

std::optional<double> gauge_with_permission(const MssqlSample& now, std::optional<std::int64_t> gauge) {
    if (!now.server || !now.server->may_view_state || gauge.value_or(-1) < 0) return std::nullopt;
    return to_number(gauge);
}

std::optional<double> difference(const Step& step, MssqlMetric metric) {
    const auto& [before, now, interval] = step;
    switch (metric) {
        case MssqlMetric::batch_requests_sec:
            return core::per_second(to_number(core::counter_delta(before.batch_requests, now.batch_requests)),
                                    interval);
        case MssqlMetric::wait_time_ms:
            return sum_of(before.waits, now.waits, core::KeyRule::from_zero);
        case MssqlMetric::disk_io_reads:
            return core::per_second(sum_of(before.file_reads, now.file_reads, core::KeyRule::own_life), interval);
        case MssqlMetric::disk_io_writes:
            return core::per_second(sum_of(before.file_writes, now.file_writes, core::KeyRule::own_life), interval);
        default:
            return std::nullopt;
    }
}

std::optional<double> value_of(MssqlMetric metric, const std::optional<Step>& step, const MssqlSample& now) {
    switch (metric) {
        case MssqlMetric::cpu_percent:
            return cpu_percent(step, now);
        case MssqlMetric::memory_percent:
            return memory_percent(now);
        case MssqlMetric::connection_count:
            return gauge_with_permission(now, now.user_connections);
        case MssqlMetric::blocked_processes:
            return gauge_with_permission(now, now.processes_blocked);
        case MssqlMetric::page_life_expectancy:
            return now.page_life_expectancy_s.value_or(-1) < 0 ? std::nullopt : to_number(now.page_life_expectancy_s);
        default:
            return step ? difference(*step, metric) : std::nullopt;
    }
}

}  // namespace

MssqlValues compute_mssql_values(const MssqlSample* before, const MssqlSample& now,
                                 const std::vector<MssqlMetric>& metrics, std::chrono::milliseconds gap) {
    MssqlValues result;
    std::optional<Step> step;
    if (before != nullptr && before->clock && now.clock) {
        if (const Interval interval = core::sample_interval(*before->clock, *now.clock, gap)) {
            step.emplace(Step{*before, now, *interval});
            result.interval_ms = static_cast<double>(interval->count());
        }
    }
    for (const MssqlMetric metric : metrics)
        result.values.push_back({std::string(to_text(metric)), "", value_of(metric, step, now)});
    return result;
}

bool lacks_process_cpu(const MssqlSample* before, const MssqlSample& now) {
    if (!now.process_kernel_ms || !now.process_user_ms) return now.clock.has_value();
    if (*now.process_kernel_ms == 0 && *now.process_user_ms == 0) return true;
    return before != nullptr && process_cpu_ms(*before, now) == 0.0;
}

}  // namespace vitals::prober
