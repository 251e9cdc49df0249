// What one tenant's polls have read and is not stored yet, and the sessions that wait for it. Bounded: a schema that
// takes nothing costs the newest samples last.
#pragma once

#include <cstddef>
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
    SampleQueue(CollectorFigures& figures, TenantProblems& problems) : figures_(figures), problems_(problems) {}

    // requests: those that the poll answers once it is stored.
    void add(core::PollRecord record, std::vector<Request> requests, Time now);

    // Stores what waits, if it is time to: a lone sample at once, and while others follow (more_until says whether any
    // will end before the given time), all of up to a second in one transaction.
    template <typename MoreFollow>
    void flush(const Tenant& tenant, Time now, MoreFollow&& more_follow) {
        if (records_.empty() || now < not_before_) return;
        if (is_full(now) || !more_follow(oldest_ + most_age)) store_all(tenant, now);
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
        Request request;
        std::string text;
    };

    [[nodiscard]] bool is_full(Time now) const;
    void store_all(const Tenant& tenant, Time now);
    void store_batch(const Tenant& tenant, std::chrono::milliseconds limit);
    void answer(const std::string& error);

    CollectorFigures& figures_;
    TenantProblems& problems_;
    std::deque<core::PollRecord> records_;
    std::vector<Answer> answers_;  // to be given once the records are stored
    Time oldest_{};
    Time not_before_{};
};

}  // namespace vitals::ext
