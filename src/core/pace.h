// When a work that others can ask for at any time may be done again, so that it leaves time for everything else.
#pragma once

#include <algorithm>
#include <chrono>

namespace vitals::core {

// Short works leave four times what they took. A long one, which may be somebody's single change, leaves half a second;
// but whoever keeps asking for long ones has half a minute of credit, and then a fifth of the time.
class Pace {
  public:
    using Time = std::chrono::steady_clock::time_point;
    using Duration = Time::duration;

    // The work is done. Returns when it may be done again.
    Time done(Time started, Time ended) noexcept {
        const Duration took = ended - started;
        paid_ = std::min(std::max(paid_, started) + took * share, ended + credit + most_wait);
        return std::max(ended + std::clamp<Duration>(took * (share - 1), least_gap, most_gap), paid_ - credit);
    }

  private:
    static constexpr int share = 5;
    static constexpr Duration least_gap = std::chrono::milliseconds{100};
    static constexpr Duration most_gap = std::chrono::milliseconds{500};
    static constexpr Duration credit = std::chrono::seconds{30};
    static constexpr Duration most_wait = std::chrono::seconds{30};

    Time paid_{};  // when it has had no more than its share of the time
};

}  // namespace vitals::core
