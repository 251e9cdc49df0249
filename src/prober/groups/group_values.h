// The arithmetic: a sample and the one before it become the values that are stored. docs/metrics.md has the rules.
//
// The rule behind all of them: what is not known has no value, and is never zero. Differences need a predecessor of the
// same life of the service, not too old, by the target's own clock (core::sample_interval), and:
//   new_rows own_life   a row that is new, or any of whose counters went down, has no difference; sums go on without it
//   new_rows from_zero  a new row counts from zero; when any row went down or is gone, all were cleared, and no
//                       difference of the table is known
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "core/wire.h"
#include "prober/groups/group_plan.h"
#include "prober/groups/group_sample.h"

namespace vitals::prober {

// Appends the values of the group's planned metrics: one for each that is single, also where it is not known, and one a
// row or category for the others. `before` is the predecessor, or nullptr; `interval` the time since then, or nothing
// where it is none for differences. False where there were more than a result may have (core::max_values): the last
// ones are left out.
bool append_group_values(const GroupPlan& plan, const GroupSample* before, const GroupReading& now,
                         std::optional<std::chrono::milliseconds> interval, std::vector<core::Value>& values);

// The same for a group that could not be read: no value for each single metric.
void append_unknown_values(const GroupPlan& plan, std::vector<core::Value>& values);

}  // namespace vitals::prober
