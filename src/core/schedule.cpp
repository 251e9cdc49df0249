#include "core/schedule.h"

#include <algorithm>
#include <utility>

#include "core/stable_hash.h"

namespace vitals::core {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto first_probe_wait = 10s;
constexpr auto most_probe_wait = 5min;
// An interval comes from a table that its owner can change as he likes: none divides by zero or never ends.
constexpr milliseconds least_interval = 1s;
constexpr milliseconds most_interval = 24h;
// Below it there is no lasting overload: a burst passes without delaying targets that answer. Of ten dispatches one is
// then for what has been passed over nine times: that costs the targets that answer little, also where it is spent on
// black holes.
constexpr auto patience = 30s;
constexpr int most_passed_over = 9;

milliseconds phase_of(std::string_view identity, milliseconds interval) noexcept {
    return milliseconds{
        static_cast<std::int64_t>(stable_hash(identity) % static_cast<std::uint64_t>(interval.count()))};
}

// The first moment after `after` that lies at the phase within the interval.
Schedule::Time next_place(Schedule::Time after, milliseconds interval, milliseconds phase) noexcept {
    const auto since_epoch = std::chrono::floor<milliseconds>(after.time_since_epoch());
    auto place = since_epoch - since_epoch % interval + phase;
    if (place <= since_epoch) place += interval;
    return Schedule::Time{place};
}

// The first cycle after that of a poll that is due then. The first poll comes at once and seldom at its place; half an
// interval keeps the second one from following on its heels, with a rate over a second or two.
Schedule::Time cycle_after(Schedule::Time due, milliseconds interval, milliseconds phase) noexcept {
    return next_place(due + interval / 2, interval, phase);
}

Schedule::Skipped skipped_from(Schedule::Time first, milliseconds interval, Schedule::Time now) noexcept {
    if (first > now) return {};
    return {.count = (now - first) / interval + 1, .first = first, .interval = interval};
}

milliseconds usable(milliseconds interval) noexcept {
    return std::clamp(interval, least_interval, most_interval);
}

// Never "healthy" by having run for long: only a good poll starts over.
Backoff probe_backoff() {
    return {first_probe_wait, most_probe_wait, Backoff::Duration::max()};
}

constexpr std::size_t index_of(Lane lane) noexcept {
    return static_cast<std::size_t>(lane);
}

}  // namespace

Places Places::of(std::size_t concurrency) noexcept {
    Places places;
    places.resize(concurrency);
    return places;
}

void Places::resize(std::size_t concurrency) noexcept {
    const auto share = [&](std::size_t part) { return std::max<std::size_t>(concurrency / part, 1); };
    most_ = {concurrency, share(2), share(4)};
}

std::size_t Places::free(Lane lane) const noexcept {
    const auto left = [](std::size_t most, std::size_t taken) { return most - std::min(most, taken); };
    return std::min(left(most_[0], taken()),
                    lane == Lane::proven ? most_[0] : left(most_.at(index_of(lane)), taken_.at(index_of(lane))));
}

void Places::take(Lane lane) noexcept {
    ++taken_.at(index_of(lane));
}

void Places::take_ahead(Lane lane) noexcept {
    ++ahead_;
    take(lane);
}

Places Places::with_one_free() const noexcept {
    Places places = *this;
    places.most_[0] = std::max(most_[0], taken() + 1);
    return places;
}

void Places::give_back(Lane lane) noexcept {
    --taken_.at(index_of(lane));
}

Schedule::Skipped Schedule::put(Key key, std::string_view identity, milliseconds wanted, Time now, Lane lane) {
    const milliseconds interval = usable(wanted);
    const auto known = entries_.find(key);
    if (known == entries_.end()) {
        Entry& entry = add(key, identity, interval, lane);
        entry.cycle = cycle_after(now, entry.interval, entry.phase);
        wait_until(key, entry, Wait::poll, now);
        return {};
    }
    Entry& entry = known->second;
    if (entry.interval == interval) return {};
    const Skipped skipped = entry.down ? Skipped{} : skipped_from(entry.cycle, entry.interval, now);
    entry.interval = interval;
    entry.phase = phase_of(identity, interval);
    const Time place = next_place(now, interval, entry.phase);
    const Time cycle = skipped.count > 0 ? place : std::min(entry.cycle, place);
    if (entry.down) begin_cycles(key, entry, cycle);
    if (entry.wait == Wait::poll) wait_until(key, entry, Wait::poll, std::min(entry.due, place));
    if (!entry.down) {
        const bool to_come = entry.wait == Wait::poll && entry.due > now;
        const Time following = cycle_after(entry.due, interval, entry.phase);
        entry.cycle = to_come ? following : std::max(cycle, following);
    }
    return skipped;
}

void Schedule::put_down(Key key, std::string_view identity, milliseconds wanted, Time now) {
    const milliseconds interval = usable(wanted);
    Entry& entry = add(key, identity, interval, Lane::failing);
    begin_cycles(key, entry, next_place(now, interval, entry.phase));
    wait_until(key, entry, Wait::poll, now);
}

Schedule::Entry& Schedule::add(Key key, std::string_view identity, milliseconds interval, Lane lane) {
    return entries_
        .insert_or_assign(
            key,
            Entry{
                .interval = interval, .phase = phase_of(identity, interval), .lane = lane, .backoff = probe_backoff()})
        .first->second;
}

void Schedule::remove(Key key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    stop_waiting(key, found->second);
    end_cycles(key, found->second);
    entries_.erase(found);
}

std::optional<Schedule::Due> Schedule::take_due(Time now, const Places& places) {
    const auto number = next_queue(now, places);
    if (!number) return std::nullopt;
    const auto [due, key] = *queues_.at(*number).begin();
    Entry& entry = entries_.at(key);
    stop_waiting(key, entry);
    entry.probing = *number == probes;
    return Due{.key = key, .due = due, .lane = lane_of_queue(*number), .probe = entry.probing};
}

std::optional<std::size_t> Schedule::next_queue(Time now, const Places& places) {
    std::optional<std::size_t> next;
    for (std::size_t number = 0; number < queues_.size(); ++number) {
        const Queue& queue = queues_.at(number);
        if (queue.empty() || queue.begin()->first > now || places.free(lane_of_queue(number)) == 0) continue;
        const bool waited_too_long = now - queue.begin()->first >= patience;
        if (!next || (waited_too_long && ++passed_over_.at(number) > most_passed_over)) next = number;
    }
    if (next) passed_over_.at(*next) = 0;
    return next;
}

std::vector<Schedule::Passed> Schedule::take_passed(Time now) {
    std::vector<Passed> passed;
    while (!cycles_.empty() && cycles_.begin()->first <= now) {
        const auto [cycle, key] = *cycles_.begin();
        Entry& entry = entries_.at(key);
        passed.push_back({.key = key, .skipped = skipped_from(cycle + entry.interval, entry.interval, now)});
        begin_cycles(key, entry, next_place(now, entry.interval, entry.phase));
    }
    return passed;
}

Schedule::Done Schedule::done(Key key, Ending ending, Time now) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return {};
    Entry& entry = found->second;
    stop_waiting(key, entry);
    const Skipped skipped = skipped_from(entry.cycle, entry.interval, now);
    // Not the first after its due time, which is later for one that got lost and was repeated.
    const Time next = std::max(next_place(now, entry.interval, entry.phase), entry.cycle);
    if (ending == Ending::down) {
        entry.lane = Lane::failing;
        begin_cycles(key, entry, next);
        wait_until(key, entry, Wait::probe, now + entry.backoff.failed_after({}));
        return {.next = next, .skipped = skipped};
    }
    end_cycles(key, entry);
    if (ending == Ending::good) entry.backoff = probe_backoff();
    entry.lane = ending == Ending::good ? Lane::proven : Lane::failing;
    entry.cycle = next + entry.interval;
    wait_until(key, entry, Wait::poll, next);
    return {.next = next, .skipped = skipped};
}

void Schedule::probed(Key key, bool answered, Time now) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    entry.probing = false;
    const auto wanted = std::exchange(entry.poll_after_probe, std::nullopt);
    if (answered || wanted) {
        poll_soon(key, entry, wanted.value_or(Lane::failing), now);
    } else {
        wait_until(key, entry, Wait::probe, now + entry.backoff.failed_after({}));
    }
}

void Schedule::not_begun(const Due& taken) {
    const auto found = entries_.find(taken.key);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    entry.probing = false;
    if (const auto wanted = std::exchange(entry.poll_after_probe, std::nullopt)) {
        poll_soon(taken.key, entry, *wanted, taken.due);
    } else {
        wait_until(taken.key, entry, taken.probe ? Wait::probe : Wait::poll, taken.due);
    }
}

void Schedule::again(Key key, milliseconds delay, Time now) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    wait_until(key, entry, std::exchange(entry.probing, false) ? Wait::probe : Wait::poll, now + delay);
}

void Schedule::hurry(Key key, Time now, Lane lane) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    if (entry.probing) {
        entry.poll_after_probe = lane;
    } else if (entry.wait != Wait::none) {
        poll_soon(key, entry, lane, entry.wait == Wait::poll ? std::min(entry.due, now) : now);
    }
}

void Schedule::hurry_probes(Time now) {
    for (auto& [key, entry] : entries_) {
        if (entry.wait == Wait::probe) wait_until(key, entry, Wait::probe, std::min(entry.due, now));
    }
}

Schedule::Time Schedule::next_cycle(Key key) const {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return Time{};
    return found->second.down ? found->second.cycle : found->second.due;
}

bool Schedule::is_down(Key key) const {
    const auto found = entries_.find(key);
    return found != entries_.end() && found->second.down;
}

std::optional<Schedule::Time> Schedule::next_probe(Key key) const {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::nullopt;
    const Entry& entry = found->second;
    return entry.wait == Wait::probe || entry.probing ? std::optional(entry.due) : std::nullopt;
}

std::optional<Schedule::Time> Schedule::next_due(const Places& places) const {
    std::optional<Time> next;
    for (std::size_t number = 0; number < queues_.size(); ++number) {
        const Queue& queue = queues_.at(number);
        if (queue.empty() || places.free(lane_of_queue(number)) == 0) continue;
        next = next ? std::min(*next, queue.begin()->first) : queue.begin()->first;
    }
    return next;
}

std::optional<Schedule::Time> Schedule::next_passed() const {
    if (cycles_.empty()) return std::nullopt;
    return cycles_.begin()->first;
}

std::size_t Schedule::waiting(Time now, milliseconds for_at_least) const {
    std::size_t count = 0;
    for (std::size_t number = 0; number < lane_count; ++number) {
        for (const auto& [due, key] : queues_.at(number)) {
            if (due > now - for_at_least) break;
            ++count;
        }
    }
    return count;
}

std::size_t Schedule::queue_of(const Entry& entry) noexcept {
    return entry.wait == Wait::probe ? probes : index_of(entry.lane);
}

Lane Schedule::lane_of_queue(std::size_t queue) noexcept {
    return queue == probes ? Lane::failing : static_cast<Lane>(queue);
}

void Schedule::wait_until(Key key, Entry& entry, Wait wait, Time due) {
    stop_waiting(key, entry);
    entry.due = due;
    entry.wait = wait;
    queues_.at(queue_of(entry)).emplace(due, key);
}

// The poll leaves the row of a cycle that has come and not passed yet.
void Schedule::poll_soon(Key key, Entry& entry, Lane lane, Time due) {
    const Time own = entry.down ? std::min(entry.cycle, due) : due;
    const Time cycle = cycle_after(own, entry.interval, entry.phase);
    const bool was_down = entry.down;
    stop_waiting(key, entry);
    end_cycles(key, entry);
    entry.cycle = was_down ? cycle : std::min(entry.cycle, cycle);
    entry.lane = lane;
    wait_until(key, entry, Wait::poll, due);
}

void Schedule::stop_waiting(Key key, Entry& entry) {
    if (entry.wait == Wait::none) return;
    queues_.at(queue_of(entry)).erase({entry.due, key});
    entry.wait = Wait::none;
}

void Schedule::begin_cycles(Key key, Entry& entry, Time first) {
    end_cycles(key, entry);
    entry.down = true;
    entry.cycle = first;
    cycles_.emplace(first, key);
}

void Schedule::end_cycles(Key key, Entry& entry) {
    if (!entry.down) return;
    cycles_.erase({entry.cycle, key});
    entry.down = false;
}

}  // namespace vitals::core
