// Decides what of one tenant is due. Pure arithmetic over a monotonic clock that the caller passes in.
//
// Every target has a stable phase (a hash of its id), so that a fleet's polls spread over the interval and keep their
// places across restarts of the collector. A target that is new, or was switched on, is due at once. A poll that is
// late is done once and not made up for: the cycles that came and went meanwhile are skipped, and said to be.
//
// Targets that answer are never kept waiting by those that do not: each waits in a lane, and only the first lane may
// use all places and is served first. Where it alone needs more places than there are, that would keep the others out
// for ever: what waits in one of them for half a minute and longer gets one dispatch in ten, within its lane's share of
// the places. Polls and probes of the lane of failing targets count as two. A target that is down is not polled any
// more but probed, after growing waits; its cycles pass without network work (take_passed()), until a probe is answered
// and makes a poll due at once.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/backoff.h"

namespace vitals::core {

enum class Lane : std::uint8_t {
    proven,    // the last poll read something, or somebody waits for the next
    unproven,  // nothing is known yet: the poll may take a whole deadline
    failing,   // the last poll failed; also probes
};
constexpr std::size_t lane_count = 3;

// Places for polls and probes, by the lane that may use them: the proven all, the others a share.
class Places {
  public:
    // Those of a collector: half may be used for unproven targets, a quarter for failing ones, one at least for each.
    static Places of(std::size_t concurrency) noexcept;

    [[nodiscard]] std::size_t free(Lane lane) const noexcept;
    void take(Lane lane) noexcept;
    void give_back(Lane lane) noexcept;
    [[nodiscard]] std::size_t taken() const noexcept { return taken_[0] + taken_[1] + taken_[2] - ahead_; }
    // The place of another that ends: it counts in its lane at once, and as taken once it begins.
    void take_ahead(Lane lane) noexcept;
    void begin() noexcept { --ahead_; }
    [[nodiscard]] std::size_t ahead() const noexcept { return ahead_; }
    // These, as if one of those that are taken were free.
    [[nodiscard]] Places with_one_free() const noexcept;
    [[nodiscard]] std::size_t all() const noexcept { return most_[0]; }
    // Another concurrency; what is taken stays taken.
    void resize(std::size_t concurrency) noexcept;

  private:
    std::array<std::size_t, lane_count> most_{};
    std::array<std::size_t, lane_count> taken_{};  // with those that are taken ahead
    std::size_t ahead_ = 0;
};

// A place that is given back when it is let go.
class HeldPlace {
  public:
    enum class Kind : std::uint8_t { now, ahead };
    HeldPlace(Places& places, Lane lane, Kind kind = Kind::now) noexcept
        : places_(&places), lane_(lane), ahead_(kind == Kind::ahead) {
        ahead_ ? places.take_ahead(lane) : places.take(lane);
    }
    HeldPlace(HeldPlace&& other) noexcept
        : places_(std::exchange(other.places_, nullptr)), lane_(other.lane_), ahead_(other.ahead_) {}
    HeldPlace& operator=(HeldPlace&&) = delete;
    HeldPlace(const HeldPlace&) = delete;
    HeldPlace& operator=(const HeldPlace&) = delete;
    ~HeldPlace() {
        if (places_ == nullptr) return;
        begin();
        places_->give_back(lane_);
    }

    // Whether it is taken ahead still.
    [[nodiscard]] bool ahead() const noexcept { return ahead_; }
    void begin() noexcept {
        if (std::exchange(ahead_, false)) places_->begin();
    }

  private:
    Places* places_;
    Lane lane_;
    bool ahead_;
};

class Schedule {
  public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;
    using Key = std::uint32_t;

    struct Due {
        Key key = 0;
        Time due{};  // when it should have started; now - due is its lag
        Lane lane = Lane::unproven;
        bool probe = false;
    };

    // Cycles that came and went before anything was done for them.
    struct Skipped {
        std::int64_t count = 0;
        Time first{};  // the others follow, an interval apart
        std::chrono::milliseconds interval{};
    };
    struct Done {
        Time next{};  // when the next cycle begins; the epoch for a target that was removed meanwhile
        Skipped skipped{};
    };
    struct Passed {
        Key key = 0;
        Skipped skipped{};  // after the one that has passed
    };

    // How a poll ended.
    enum class Ending {
        good,
        failed,  // the next is due at its place
        down,    // nobody is there: probed from now on
    };

    // Adds a target (due now), or changes the interval of a known one (due at its next place in the new interval).
    // identity: what the phase is computed from, the target's uuid.
    // An interval is made one of a second to a day.
    // Returns the cycles of the old interval that a late poll has skipped so far; done() says those of the new one.
    Skipped put(Key key, std::string_view identity, std::chrono::milliseconds wanted, Time now,
                Lane lane = Lane::unproven);
    // Adds a target that was down when it was seen last: a poll is due now, which may find another reason than a probe
    // would, and its cycles pass already.
    void put_down(Key key, std::string_view identity, std::chrono::milliseconds wanted, Time now);
    void remove(Key key);

    // Takes what is due and has a place: best lane first, but for the turns of those that were passed over; of a lane
    // the longest overdue. What was taken is not due again before done(), probed() or again().
    std::optional<Due> take_due(Time now, const Places& places);
    // The targets that are down and whose cycle has come: each once a cycle.
    std::vector<Passed> take_passed(Time now);

    // The poll ended.
    Done done(Key key, Ending ending, Time now);
    // The probe ended. An answer makes a poll due at once.
    void probed(Key key, bool answered, Time now);
    // What was taken did not begin: it waits again, for as long as it has been due.
    void not_begun(const Due& taken);
    // The poll or probe got lost through no fault of the target: it is due again after the delay.
    void again(Key key, std::chrono::milliseconds delay, Time now);
    // Makes a poll of a waiting target due at once, in the given lane; of one that is being probed, when the probe
    // ends.
    void hurry(Key key, Time now, Lane lane);
    // Makes the waiting probes due at once: what was in the way of all of them may be gone.
    void hurry_probes(Time now);
    // When the cycle of a target that is down begins, or its next poll is due.
    [[nodiscard]] Time next_cycle(Key key) const;
    [[nodiscard]] bool is_down(Key key) const;
    // When a target is probed next, or the probe that runs was due; nothing for one that is polled.
    [[nodiscard]] std::optional<Time> next_probe(Key key) const;

    // When take_due() will have something, given the places; and when take_passed() will.
    [[nodiscard]] std::optional<Time> next_due(const Places& places) const;
    [[nodiscard]] std::optional<Time> next_passed() const;
    // Polls that have been due for at least so long, and are not started yet; probes do not count.
    [[nodiscard]] std::size_t waiting(Time now, std::chrono::milliseconds for_at_least) const;
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] std::size_t down() const noexcept { return cycles_.size(); }

  private:
    enum class Wait : std::uint8_t { none, poll, probe };
    struct Entry {
        std::chrono::milliseconds interval{};
        std::chrono::milliseconds phase{};
        Time due{};
        // While down the cycle that passes next; else the first after that of the poll: if it comes before the poll has
        // ended, it is skipped.
        Time cycle{};
        Wait wait = Wait::none;
        Lane lane = Lane::unproven;
        bool down = false;
        bool probing = false;                    // a probe is in flight
        std::optional<Lane> poll_after_probe{};  // somebody wants a poll meanwhile
        Backoff backoff;
    };
    using Queue = std::set<std::pair<Time, Key>>;
    // One for the polls of each lane, and the last for probes.
    static constexpr std::size_t probes = lane_count;

    Entry& add(Key key, std::string_view identity, std::chrono::milliseconds interval, Lane lane);
    [[nodiscard]] static std::size_t queue_of(const Entry& entry) noexcept;
    [[nodiscard]] static Lane lane_of_queue(std::size_t queue) noexcept;
    [[nodiscard]] std::optional<std::size_t> next_queue(Time now, const Places& places);
    void wait_until(Key key, Entry& entry, Wait wait, Time due);
    void poll_soon(Key key, Entry& entry, Lane lane, Time due);
    void stop_waiting(Key key, Entry& entry);
    void begin_cycles(Key key, Entry& entry, Time first);
    void end_cycles(Key key, Entry& entry);

    std::unordered_map<Key, Entry> entries_;
    std::array<Queue, lane_count + 1> queues_;
    std::array<int, lane_count + 1> passed_over_{};  // how often since the queue's last turn, while it waited too long
    Queue cycles_;                                   // of targets that are down
};

}  // namespace vitals::core
