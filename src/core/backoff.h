// How long to wait before something that keeps failing is started again.
#pragma once

#include <algorithm>
#include <chrono>

namespace vitals::core {

// Doubles from first to most with every failure; a run that lasted at least `healthy` starts over.
class Backoff {
  public:
    using Duration = std::chrono::milliseconds;

    Backoff(Duration first, Duration most, Duration healthy) : first_(first), most_(most), healthy_(healthy) {}

    // The thing ended after having run for `ran`; returns how long to wait before the next start.
    Duration failed_after(Duration ran) noexcept {
        next_ = ran >= healthy_ || next_ == Duration{0} ? first_ : std::min(next_ * 2, most_);
        return next_;
    }

  private:
    Duration first_;
    Duration most_;
    Duration healthy_;
    Duration next_{0};
};

}  // namespace vitals::core
