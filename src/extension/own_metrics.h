// The connector "collector": what the collector measures of itself and its probers, as metrics of a server like any
// other.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/wire.h"
#include "extension/collector_report.h"

namespace vitals::ext {

constexpr const char* own_connector = "collector";

// A prober, under the name of its tenant.
struct NamedProber {
    std::string tenant;
    ProberFigures figures;
};

// Of one target: keeps the sample before, for rates and deltas.
class OwnMetrics {
  public:
    using Clock = std::chrono::steady_clock;

    core::Result poll(const CollectorFigures& figures, const std::vector<NamedProber>& probers, Clock::time_point now);

  private:
    struct Sample {
        Clock::time_point at{};
        double cpu_ms = 0;
        CollectorFigures figures;
        std::map<std::string, int> restarts;  // of probers, by tenant
    };

    std::optional<Sample> before_;
};

}  // namespace vitals::ext
