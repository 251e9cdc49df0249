// What came of each metric group of one target, over its polls: slow groups run in few of them. It is written to the
// tables when a state changes, and else every few minutes: once a poll would be as much as the samples themselves.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/wire.h"

namespace vitals::core {

struct GroupOutcome {
    GroupStatus status;
    std::string at;     // when it ran last, as text that timestamptz reads
    std::string ok_at;  // when it ran well last; empty: not known to have
};

class GroupHistory {
  public:
    using Clock = std::chrono::steady_clock;

    // Takes what came of the groups of a poll. Returns whether all are to be written now.
    bool update(const std::vector<GroupStatus>& groups, const std::string& at, Clock::time_point now);
    // All groups, by name.
    [[nodiscard]] const std::vector<GroupOutcome>& outcomes() const noexcept { return outcomes_; }
    // Other groups are collected from now on.
    void clear();

  private:
    std::vector<GroupOutcome> outcomes_;
    std::optional<Clock::time_point> written_;
};

}  // namespace vitals::core
