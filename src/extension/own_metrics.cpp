#include "extension/own_metrics.h"

#include <sys/resource.h>

#include "extension/prober_process.h"

namespace vitals::ext {

namespace {

double cpu_ms_of_this_process() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto ms = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
    };
    return ms(usage.ru_utime) + ms(usage.ru_stime);
}

std::optional<double> known(double value) {
    return value < 0 ? std::nullopt : std::optional(value);
}

}  // namespace

core::Result OwnMetrics::poll(const CollectorFigures& figures, const std::vector<NamedProber>& probers,
                              Clock::time_point now) {
    core::Result result;
    result.outcome = core::Outcome::ok;
    const auto add = [&](const char* metric, std::optional<double> value, std::string_view instance = {}) {
        result.values.push_back({metric, std::string(instance), value});
    };
    Sample sample{.at = now, .cpu_ms = cpu_ms_of_this_process(), .figures = figures, .restarts = {}};
    const auto ms = before_ ? std::chrono::duration<double, std::milli>(now - before_->at).count() : 0.0;
    if (before_ && ms > 0) result.interval_ms = ms;
    // Counters start with the process, which a sample before never outlives.
    const auto delta = [&](std::int64_t CollectorFigures::*counter) -> std::optional<double> {
        if (!result.interval_ms) return std::nullopt;
        return static_cast<double>(figures.*counter - before_->figures.*counter);
    };
    const auto sum = [](std::optional<double> a, std::optional<double> b) -> std::optional<double> {
        if (!a || !b) return std::nullopt;
        return *a + *b;
    };
    const auto per_second = [&](std::optional<double> change) -> std::optional<double> {
        if (!change) return std::nullopt;
        return *change * 1000 / ms;
    };

    add("collector_servers", figures.targets);
    add("collector_servers_down", figures.down);
    add("collector_in_flight", figures.in_flight);
    add("collector_due", figures.due);
    add("collector_overdue", figures.overdue);
    add("collector_lag_p50_ms", known(figures.lag_p50_ms));
    add("collector_lag_p99_ms", known(figures.lag_p99_ms));
    add("collector_polls_sec", per_second(delta(&CollectorFigures::polls)));
    add("collector_polls_failed", delta(&CollectorFigures::polls_failed));
    add("collector_polls_lost", delta(&CollectorFigures::polls_lost));
    add("collector_cycles_skipped", delta(&CollectorFigures::cycles_skipped));
    add("collector_probes", delta(&CollectorFigures::probes));
    add("collector_samples_stored", delta(&CollectorFigures::samples_stored));
    add("collector_samples_lost",
        sum(delta(&CollectorFigures::samples_rejected), delta(&CollectorFigures::samples_dropped)));
    add("collector_resident_bytes", static_cast<double>(resident_bytes_of(getpid())));
    add("collector_cpu_percent",
        result.interval_ms ? std::optional((sample.cpu_ms - before_->cpu_ms) / ms * 100) : std::nullopt);
    for (std::size_t i = 0; i < figures.failures.size(); ++i) {
        const auto name = core::to_text(static_cast<core::ErrorClass>(i));
        add("collector_errors",
            result.interval_ms ? std::optional(static_cast<double>(figures.failures[i] - before_->figures.failures[i]))
                               : std::nullopt,
            name);
    }
    for (const auto& [tenant, prober] : probers) {
        if (prober.resident_bytes > 0) add("prober_resident_bytes", static_cast<double>(prober.resident_bytes), tenant);
        add("prober_in_flight", prober.in_flight, tenant);
        sample.restarts[tenant] = prober.restarts;
        std::optional<double> restarted;
        if (before_) {
            const auto earlier = before_->restarts.find(tenant);
            if (earlier != before_->restarts.end()) restarted = prober.restarts - earlier->second;
        }
        add("prober_restarts", restarted, tenant);
    }
    before_ = std::move(sample);
    return result;
}

}  // namespace vitals::ext
