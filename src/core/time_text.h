// Points in time as text that PostgreSQL's timestamptz reads.
#pragma once

#include <chrono>
#include <string>

namespace vitals::core {

// UTC with milliseconds, for example "2026-03-02 10:00:00.123+00".
std::string utc_text(std::chrono::system_clock::time_point at);

// Times of the monotonic clock as such text, all by one look at both clocks.
class WallClock {
  public:
    explicit WallClock(std::chrono::steady_clock::time_point now) noexcept : now_(now) {}

    [[nodiscard]] std::chrono::steady_clock::time_point now() const noexcept { return now_; }
    [[nodiscard]] std::string text_of(std::chrono::steady_clock::time_point at) const;

  private:
    std::chrono::steady_clock::time_point now_;
    std::chrono::system_clock::time_point wall_ = std::chrono::system_clock::now();
};

}  // namespace vitals::core
