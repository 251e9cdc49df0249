// What one tenant's polls have read and is not stored yet, and the sessions that wait for it. Bounded: a schema that
// takes nothing costs the newest samples last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "core/poll_record.h"
#include "extension/collector_report.h"
#include "extension/fleet.h"
#include "extension/patience.h"
#include "extension/requests.h"
#include "extension/tenant_problems.h"

namespace vitals::ext {

// What sessions are told whose requests cannot be answered any more.
constexpr const char* collector_ends = "The collector ends.";

class SampleQueue {
  public:
    SampleQueue(CollectorFigures& figures, TenantProblems& problems);

    // requests: those that the poll answers once it is stored.
    void add(core::PollRecord record, std::vector<Request> requests, Time now);

    // Stores what waits, if it is time to: a lone sample at once, and while others follow (more_until says whether any
    // will end before the given time), what came in up to a second in one transaction, as far as it may be one.
    template <typename MoreFollow>
    void flush(const Tenant& tenant, Time now, MoreFollow&& more_follow) {
        if (records_.empty() || now < not_before_) return;
        if (is_full(now) || !more_follow(oldest_ + most_age)) store_next(tenant, now);
    }
    // At once, whatever follows. Returns how many samples are lost if it fails.
    std::size_t flush_last(const Tenant& tenant, std::chrono::milliseconds limit);

    [[nodiscard]] bool empty() const noexcept { return records_.empty(); }
    // When flush() should be called at the latest.
    [[nodiscard]] Time flush_at() const { return std::max(is_full({}) ? Time{} : oldest_ + most_age, not_before_); }
    // Also before that, once nothing more follows.
    [[nodiscard]] Time not_before() const noexcept { return not_before_; }
    [[nodiscard]] Time batch_end() const noexcept { return oldest_ + most_age; }

  private:
    static constexpr std::chrono::seconds most_age{1};

    // A session's request whose poll waits to be stored, and what it is told then.
    struct Answer {
        std::uint64_t record;  // counted from the first that was added
        Request request;
        std::string text;
    };
    struct Batch {
        std::size_t records = 0;
        std::size_t values = 0;
    };

    [[nodiscard]] bool is_full(Time now) const;
    void store_next(const Tenant& tenant, Time now);
    void store_batch(const Tenant& tenant, const Batch& batch, std::chrono::milliseconds limit);
    // The oldest records that may be stored in one transaction, at least one.
    [[nodiscard]] Batch next_batch() const;
    void drop_oldest();
    // Those whose records are stored, or all.
    void answer_stored(const std::string& error);
    void answer_all(const std::string& error);

    CollectorFigures& figures_;
    TenantProblems& problems_;
    std::deque<core::PollRecord> records_;
    core::KnownSets known_sets_;
    std::uint64_t first_ = 0;      // the number of the oldest record
    std::size_t values_ = 0;       // of all records
    std::size_t batch_values_;     // most of a batch, for now
    std::vector<Answer> answers_;  // to be given once the records are stored
    Time oldest_{};
    Time not_before_{};
};

}  // namespace vitals::ext
