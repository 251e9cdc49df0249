#include "core/schedule.h"

#include <algorithm>

namespace vitals::core {

namespace {

using std::chrono::milliseconds;

// FNV-1a: must never change, or a fleet's phases would move with an upgrade.
std::uint64_t stable_hash(std::string_view text) noexcept {
    std::uint64_t hash = 14695981039346656037ULL;
    for (const char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 1099511628211ULL;
    }
    return hash;
}

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

}  // namespace

void Schedule::put(Key key, std::string_view identity, milliseconds interval, Time now) {
    auto [found, added] = entries_.try_emplace(key);
    Entry& entry = found->second;
    if (!added && entry.interval == interval) return;
    entry.interval = interval;
    entry.phase = phase_of(identity, interval);
    if (added) {
        wait_until(key, entry, now);
    } else if (entry.waiting) {
        wait_until(key, entry, std::min(entry.due, next_place(now, interval, entry.phase)));
    }
}

void Schedule::remove(Key key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    stop_waiting(key, found->second);
    entries_.erase(found);
}

std::vector<Schedule::Due> Schedule::take_due(Time now, std::size_t limit, std::size_t suspect_limit) {
    std::vector<Due> taken;
    take(healthy_, now, limit, taken);
    take(suspects_, now, std::min(suspect_limit, limit - taken.size()), taken);
    return taken;
}

void Schedule::take(Queue& from, Time now, std::size_t limit, std::vector<Due>& taken) {
    while (limit > 0 && !from.empty() && from.begin()->first <= now) {
        const auto [due, key] = *from.begin();
        from.erase(from.begin());
        entries_.at(key).waiting = false;
        taken.push_back({key, due});
        --limit;
    }
}

Schedule::Time Schedule::done(Key key, bool succeeded, Time now) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return Time{};
    Entry& entry = found->second;
    stop_waiting(key, entry);
    entry.suspect = !succeeded;
    // The first poll comes at once and seldom at its place; half an interval keeps the second one from following on its
    // heels, with a rate over a second or two.
    wait_until(key, entry, next_place(std::max(now, entry.due + entry.interval / 2), entry.interval, entry.phase));
    return entry.due;
}

Schedule::Time Schedule::again(Key key, milliseconds delay, Time now) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return Time{};
    wait_until(key, found->second, now + delay);
    return found->second.due;
}

void Schedule::hurry(Key key, Time now) {
    const auto found = entries_.find(key);
    if (found == entries_.end() || !found->second.waiting || found->second.due <= now) return;
    wait_until(key, found->second, now);
}

std::optional<Schedule::Time> Schedule::next_due(bool with_suspects) const {
    std::optional<Time> next;
    if (!healthy_.empty()) next = healthy_.begin()->first;
    if (with_suspects && !suspects_.empty()) {
        const Time suspect = suspects_.begin()->first;
        next = next ? std::min(*next, suspect) : suspect;
    }
    return next;
}

std::size_t Schedule::overdue(Time now) const {
    std::size_t count = 0;
    for (const Queue* waiting : {&healthy_, &suspects_}) {
        for (const auto& [due, key] : *waiting) {
            if (due >= now) break;
            ++count;
        }
    }
    return count;
}

void Schedule::wait_until(Key key, Entry& entry, Time due) {
    stop_waiting(key, entry);
    entry.due = due;
    entry.waiting = true;
    queue(entry).emplace(due, key);
}

void Schedule::stop_waiting(Key key, Entry& entry) {
    if (!entry.waiting) return;
    queue(entry).erase({entry.due, key});
    entry.waiting = false;
}

}  // namespace vitals::core
