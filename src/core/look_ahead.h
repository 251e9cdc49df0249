// How many polls are handed over ahead. While a collector stores it hands nothing over, and what a prober has ended
// stands idle meanwhile. So where more is due than there are places, a prober is given beforehand what it will end in
// that time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace vitals::core {

class LookAhead {
  public:
    using Time = std::chrono::steady_clock::time_point;

    // The collector was away from its probers, and had counted so many polls since its start when it came back.
    void away(Time began, Time ended, std::int64_t polls) noexcept {
        const std::chrono::duration<double> since = ended - ended_;
        const std::chrono::duration<double> took = std::min<Time::duration>(ended - began, most_time);
        if (ended - began < least_time) return;
        const double expected = since.count() > 0 ? static_cast<double>(polls - polls_) * took / since : 0;
        most_ = std::min(static_cast<std::size_t>(std::ceil(std::max(expected, 0.0))), most_polls);
        ended_ = ended;
        polls_ = polls;
    }

    // At the pace since the time before, and for as long as it was away the last time.
    [[nodiscard]] std::size_t polls() const noexcept { return most_; }

  private:
    // Less than a transaction takes.
    static constexpr Time::duration least_time = std::chrono::milliseconds{1};
    // What is handed over cannot be given to another tenant any more, or be stopped.
    static constexpr Time::duration most_time = std::chrono::milliseconds{250};
    static constexpr std::size_t most_polls = 500;

    Time ended_{};
    std::int64_t polls_ = 0;
    std::size_t most_ = 0;
};

}  // namespace vitals::core
