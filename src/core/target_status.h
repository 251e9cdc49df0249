// What the outcome of a poll means for the status of its target.
#pragma once

#include <optional>
#include <string_view>

#include "core/wire.h"

namespace vitals::core {

enum class TargetStatus {
    unknown,   // not polled yet
    online,    // the last poll read everything
    degraded,  // connected, but something could not be read
    offline,   // nothing can be read
};

std::string_view to_text(TargetStatus status) noexcept;
// unknown for a text that is none of the four.
TargetStatus target_status_from_text(std::string_view text) noexcept;

struct TargetHealth {
    TargetStatus status = TargetStatus::unknown;
    int consecutive_failures = 0;
};

// The health after one more poll. offline_after: how many failed polls in a row make a target that was reachable
// offline, at least 1; one that was never reached is offline with its first failure. A single good poll brings it back.
TargetHealth after_poll(TargetHealth before, Outcome outcome, int offline_after) noexcept;

// Whether a failure of this class means that nobody is there, or nobody who can answer yet: what a probe can find out.
// Whoever refuses a login, for example, answers, and is polled again at the next place of the schedule.
bool is_out_of_reach(ErrorClass error_class) noexcept;

}  // namespace vitals::core
