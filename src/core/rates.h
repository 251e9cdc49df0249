// Rates and differences of cumulative counters. Every connector reads counters that only grow, and every one of them
// can restart, wrap, be cleared or lose an hour: the rules for when a difference means nothing are kept here, once.
//
// The rule behind all of them: a difference without a valid predecessor is unknown (no value), never zero.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vitals::core {

// One life of the counters, by what the target says of its own start. Two samples of different epochs share no counter.
struct Epoch {
    std::int64_t start_ticks = 0;  // monotonic clock of the target at the start of the service, milliseconds
    std::int64_t start_time = 0;   // the same moment by the target's calendar, any unit that does not change

    bool operator==(const Epoch&) const = default;
};

// When a sample was taken, by the target's own monotonic clock.
struct SampleClock {
    Epoch epoch;
    std::int64_t ticks_ms = 0;
};

// The oldest predecessor that rates may be computed from: three polling intervals, and at least 15 minutes, so that a
// few missed polls do not cost a value. A rate over more than that would hide what happened in between.
std::chrono::milliseconds max_gap(std::chrono::seconds interval);

// Time between two samples by the target's clock. Nothing when the epoch changed (restart), the clock stood still or
// went back, or the gap is longer than `gap`. Ticks below zero are hostile or broken and give nothing as well.
std::optional<std::chrono::milliseconds> sample_interval(const SampleClock& before, const SampleClock& now,
                                                         std::chrono::milliseconds gap);

// Difference of one counter. Nothing when either is missing or negative, or when it went down (cleared, wrapped).
std::optional<std::int64_t> counter_delta(std::optional<std::int64_t> before, std::optional<std::int64_t> now);

// `delta` per second over `interval` (above zero, as sample_interval gives it). Nothing when the delta is unknown.
std::optional<double> per_second(std::optional<double> delta, std::chrono::milliseconds interval);

// One counter of a set, such as one wait type or one file. A set is sorted by key and has no key twice.
struct KeyedCounter {
    std::string key;
    std::int64_t value = 0;
};
using CounterSet = std::vector<KeyedCounter>;

// Sorts by key; of a key that appears twice the first row stays.
CounterSet make_counter_set(std::vector<KeyedCounter> counters);

// What it means that a key appears, disappears or goes down between two samples of one epoch.
enum class KeyRule {
    // The source leaves out counters at zero, and clears all at once (wait types): a new key counts from zero, and one
    // that went down or disappeared makes the whole sum unknown.
    from_zero,
    // Every key has a life of its own (files of a database that is restored or detached): a key without a valid
    // predecessor is left out of the sum, and the sum is unknown when no key has one.
    own_life,
};

// Sum of the differences of all counters of a set. Nothing as `rule` says, and for negative values.
std::optional<double> delta_sum(const CounterSet& before, const CounterSet& now, KeyRule rule);

}  // namespace vitals::core
