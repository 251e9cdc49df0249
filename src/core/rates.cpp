#include "core/rates.h"

#include <algorithm>
#include <utility>

namespace vitals::core {

namespace {

constexpr std::chrono::minutes least_gap{15};
constexpr int gap_intervals = 3;

// One step of the merge of two sorted sets; both ends of the lists are reported as a missing side.
template <typename Visit>
void merge_sets(const CounterSet& before, const CounterSet& now, Visit visit) {
    auto old_one = before.begin();
    auto new_one = now.begin();
    while (old_one != before.end() || new_one != now.end()) {
        std::optional<std::int64_t> old_value;
        std::optional<std::int64_t> new_value;
        const bool take_old = new_one == now.end() || (old_one != before.end() && old_one->key <= new_one->key);
        const bool take_new = old_one == before.end() || (new_one != now.end() && new_one->key <= old_one->key);
        if (take_old) old_value = (old_one++)->value;
        if (take_new) new_value = (new_one++)->value;
        visit(old_value, new_value);
    }
}

}  // namespace

std::chrono::milliseconds max_gap(std::chrono::seconds interval) {
    return std::max<std::chrono::milliseconds>(interval * gap_intervals, least_gap);
}

std::optional<std::chrono::milliseconds> sample_interval(const SampleClock& before, const SampleClock& now,
                                                         std::chrono::milliseconds gap) {
    if (before.epoch != now.epoch) return std::nullopt;
    const auto ticks = counter_delta(before.ticks_ms, now.ticks_ms);
    if (!ticks || *ticks == 0 || *ticks > gap.count()) return std::nullopt;
    return std::chrono::milliseconds{*ticks};
}

std::optional<std::int64_t> counter_delta(std::optional<std::int64_t> before, std::optional<std::int64_t> now) {
    if (!before || !now || *before < 0 || *now < *before) return std::nullopt;
    return *now - *before;
}

std::optional<double> per_second(std::optional<double> delta, std::chrono::milliseconds interval) {
    if (!delta || interval.count() <= 0) return std::nullopt;
    return *delta / std::chrono::duration<double>(interval).count();
}

CounterSet make_counter_set(std::vector<KeyedCounter> counters) {
    const auto by_key = [](const KeyedCounter& a, const KeyedCounter& b) { return a.key < b.key; };
    const auto same_key = [](const KeyedCounter& a, const KeyedCounter& b) { return a.key == b.key; };
    std::stable_sort(counters.begin(), counters.end(), by_key);
    counters.erase(std::unique(counters.begin(), counters.end(), same_key), counters.end());
    return counters;
}

std::optional<double> delta_sum(const CounterSet& before, const CounterSet& now, KeyRule rule) {
    double sum = 0;
    bool any_valid = false;
    bool any_invalid = false;
    merge_sets(before, now, [&](std::optional<std::int64_t> old_value, std::optional<std::int64_t> new_value) {
        if (rule == KeyRule::from_zero && !old_value) old_value = 0;
        const auto delta = counter_delta(old_value, new_value);
        any_valid = any_valid || delta.has_value();
        any_invalid = any_invalid || !delta.has_value();
        sum += static_cast<double>(delta.value_or(0));
    });
    // An empty set is a source that says "nothing has happened yet" only where zeros are left out.
    if (rule == KeyRule::from_zero) return any_invalid ? std::nullopt : std::optional(sum);
    return any_valid ? std::optional(sum) : std::nullopt;
}

}  // namespace vitals::core
