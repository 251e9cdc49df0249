// A point in time that a poll may not outlive, whatever its peer does. Created once when the job is read and handed
// down to everything that waits.
#pragma once

#include <algorithm>
#include <chrono>

namespace vitals::prober {

class Deadline {
  public:
    using Clock = std::chrono::steady_clock;

    explicit Deadline(Clock::time_point at) : at_(at) {}
    static Deadline after(std::chrono::milliseconds span) { return Deadline(Clock::now() + span); }

    [[nodiscard]] Clock::time_point at() const noexcept { return at_; }
    [[nodiscard]] bool passed() const noexcept { return Clock::now() >= at_; }
    // Never negative; rounded up, so that a wait of remaining() does not wake up just before the deadline.
    [[nodiscard]] std::chrono::milliseconds remaining() const noexcept {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now());
        return std::max(left, std::chrono::milliseconds{0});
    }

  private:
    Clock::time_point at_;
};

}  // namespace vitals::prober
