// Decides which target is due. Pure arithmetic over a monotonic clock that the caller passes in.
//
// Every target has a stable phase (a hash of its id), so that a fleet's polls spread over the interval and keep their
// places across restarts of the collector. A target that is new, or was switched on, is due at once. A poll that is
// late is done once and not made up for. Targets whose last poll failed are kept apart ("suspects"), so that waiting
// for dead servers can be limited without delaying the living.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace vitals::core {

class Schedule {
  public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;
    using Key = std::uint32_t;

    struct Due {
        Key key;
        Time due;  // when it should have started; now - due is its lag
    };

    // Adds a target (due now), or changes the interval of a known one (due at its next place in the new interval).
    // identity: what the phase is computed from, the target's uuid.
    void put(Key key, std::string_view identity, std::chrono::milliseconds interval, Time now);
    void remove(Key key);

    // Takes targets that are due, the longest overdue first: at most limit, at most suspect_limit of them suspects.
    // A target that was taken is not due again before done() or again().
    std::vector<Due> take_due(Time now, std::size_t limit, std::size_t suspect_limit);

    // The poll ended. Returns when the next one is due; the epoch for a target that was removed meanwhile.
    Time done(Key key, bool succeeded, Time now);
    // The poll got lost through no fault of the target: it is due again after the delay.
    Time again(Key key, std::chrono::milliseconds delay, Time now);
    // Makes a waiting target due at once.
    void hurry(Key key, Time now);

    // When take_due() will have something, given room for healthy ones and for suspects; nothing if no target waits.
    [[nodiscard]] std::optional<Time> next_due(bool with_suspects) const;
    [[nodiscard]] std::size_t overdue(Time now) const;
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  private:
    struct Entry {
        std::chrono::milliseconds interval{};
        std::chrono::milliseconds phase{};
        Time due{};
        bool waiting = false;  // in queue(suspect)
        bool suspect = false;
    };
    using Queue = std::set<std::pair<Time, Key>>;

    Queue& queue(const Entry& entry) { return entry.suspect ? suspects_ : healthy_; }
    void wait_until(Key key, Entry& entry, Time due);
    void stop_waiting(Key key, Entry& entry);
    void take(Queue& from, Time now, std::size_t limit, std::vector<Due>& taken);

    std::unordered_map<Key, Entry> entries_;
    Queue healthy_;
    Queue suspects_;
};

}  // namespace vitals::core
