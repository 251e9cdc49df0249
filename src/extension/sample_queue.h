// What one tenant's polls have read and is not stored yet, and the sessions that wait for it. Bounded: a schema that
// takes nothing costs the newest samples last.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "core/known_sets.h"
#include "core/poll_record.h"
#include "extension/collector_report.h"
#include "extension/fleet.h"
#include "extension/patience.h"
#include "extension/requests.h"
#include "extension/tenant_problems.h"

namespace vitals::ext {

// What sessions are told whose requests cannot be answered any more.
constexpr const char* collector_ends = "The collector ends.";
constexpr const char* server_removed = "The server was removed meanwhile.";

class SampleQueue {
  public:
    SampleQueue(CollectorFigures& figures, TenantProblems& problems);

    // requests: those that the poll answers once it is stored.
    void add(core::PollRecord record, std::vector<Request> requests, Time now);

    // Stores what waits, if it is time to: a lone sample at once, and while others follow (more_until says whether any
    // will end before the given time), what came in up to a second in one transaction, as far as it may be one.
    template <typename MoreFollow>
    void flush(const Tenant& tenant, Time now, std::chrono::milliseconds limit, MoreFollow&& more_follow) {
        if (waiting_.empty() || now < not_before_) return;
        if (is_full(now) || !more_follow(oldest_ + most_age)) store_next(tenant, now, limit);
    }
    // At once, whatever follows. Returns how many samples are lost if it fails.
    std::size_t flush_last(const Tenant& tenant, std::chrono::milliseconds limit);

    // For rows that say less than others, and must not be what those are dropped for.
    [[nodiscard]] bool has_room() const noexcept;
    // Polling goes faster than storing, which works: polls had better wait than be dropped.
    [[nodiscard]] bool is_behind() const noexcept { return !failing_ && waits_for_batches(4); }
    // More than the next batches take.
    [[nodiscard]] bool piles_up() const noexcept { return waits_for_batches(2); }
    // The newest record of a server that waits; null if there is none. Valid until something is added or stored.
    [[nodiscard]] const core::PollRecord* newest_of(std::string_view server_id) const;
    [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
    // When flush() should be called at the latest.
    [[nodiscard]] Time flush_at() const { return std::max(is_full({}) ? Time{} : oldest_ + most_age, not_before_); }
    // Also before that, once nothing more follows.
    [[nodiscard]] Time not_before() const noexcept { return not_before_; }
    [[nodiscard]] Time batch_end() const noexcept { return oldest_ + most_age; }

  private:
    static constexpr std::chrono::seconds most_age{1};

    struct Waiting {
        core::PollRecord record;
        std::size_t bytes;
        std::vector<Request> requests;  // answered once it is stored
    };
    struct Batch {
        std::size_t records = 0;
        std::size_t values = 0;
        std::size_t bytes = 0;
    };

    [[nodiscard]] bool is_full(Time now) const;
    [[nodiscard]] bool waits_for_batches(std::size_t count) const noexcept;
    void store_next(const Tenant& tenant, Time now, std::chrono::milliseconds limit);
    void store_batch(const Tenant& tenant, const Batch& batch, std::chrono::milliseconds limit);
    void after_failure(const Tenant& tenant, const Batch& batch, const std::exception& error);
    // The oldest records that may be stored in one transaction, at least one.
    [[nodiscard]] Batch next_batch() const;
    void forget_oldest();
    void drop_oldest(const std::string& why);
    static void answer(Waiting& waiting, const std::string& error);
    void answer_all(const std::string& error);

    CollectorFigures& figures_;
    TenantProblems& problems_;
    std::deque<Waiting> waiting_;
    core::KnownSets known_sets_;
    Batch all_;                // what waits
    Batch most_;               // of a batch, for now
    std::size_t awaited_ = 0;  // records that sessions wait for
    bool failing_ = false;     // the last batch could not be stored
    int failed_alone_ = 0;     // times in a row that the oldest could not be stored, through its own fault
    Time oldest_{};
    Time not_before_{};
};

}  // namespace vitals::ext
