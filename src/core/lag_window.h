// How late the polls that ended last had started, as quantiles: over a bounded number of polls, and none that is old
// news.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace vitals::core {

class LagWindow {
  public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;

    explicit LagWindow(std::size_t most = 4096, Clock::duration span = std::chrono::minutes(5))
        : most_(most), span_(span) {}

    void add(std::chrono::duration<double, std::milli> lag, Time now);

    struct Quantiles {
        double p50_ms = 0;
        double p99_ms = 0;
    };
    // Nothing where no poll ended within the span.
    [[nodiscard]] std::optional<Quantiles> quantiles(Time now) const;

  private:
    std::size_t most_;
    Clock::duration span_;
    std::vector<std::pair<Time, double>> lags_;  // a ring once it is full
    std::size_t next_ = 0;
};

}  // namespace vitals::core
