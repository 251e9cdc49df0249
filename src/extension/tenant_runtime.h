// One tenant while the collector runs: which of its targets are due, what is in flight, and what waits to be stored.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/poll_record.h"
#include "core/schedule.h"
#include "core/target_status.h"
#include "extension/collector_report.h"
#include "extension/fleet.h"
#include "extension/prober_supervisor.h"
#include "extension/requests.h"

namespace vitals::ext {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

// What all tenants of a collector share.
struct CollectorContext {
    const SecretKeys& keys;
    CollectorFigures& figures;
    std::uint64_t last_job = 0;
};

class TenantRuntime {
  public:
    TenantRuntime(Tenant tenant, CollectorContext& context);

    // Reads the targets again and brings the schedule in line. Errors are remembered and logged, once per change.
    void reload(Tenant tenant, Time now);

    // Starts polls that are due, at most limit; returns how many.
    std::size_t dispatch(std::size_t limit, Time now);
    // Starts the connection test, or the poll, that a session asked for.
    void serve(const Request& request, Time now);

    void on_socket(bool readable, bool writable, Time now);
    void on_time(Time now);

    // Stores what has been polled, if it is time to.
    void flush(Time now);
    void maintain_if_due();

    [[nodiscard]] ProberSupervisor& prober() noexcept { return prober_; }
    [[nodiscard]] const Tenant& tenant() const noexcept { return tenant_; }
    [[nodiscard]] std::size_t in_flight() const noexcept { return jobs_.size(); }
    [[nodiscard]] std::size_t overdue(Time now) const { return schedule_.overdue(now); }
    [[nodiscard]] std::size_t enabled() const noexcept { return schedule_.size(); }
    // When something of this tenant is to be done; room: whether another poll could be started.
    [[nodiscard]] Time next_event(bool room, Time now) const;
    [[nodiscard]] ProberFigures prober_figures() const;

  private:
    // What a tenant's owner may have broken in the tenant's schema.
    enum class Problem { upgrading, reading, storing, maintaining };

    struct TargetRuntime {
        Target target;
        core::TargetHealth health;
        int lost_in_a_row = 0;
        bool gone = false;                // removed or stopped while a poll runs: forget it when that ends
        std::vector<Request> requests{};  // answered by the next poll that starts
    };
    struct JobInFlight {
        core::Schedule::Key key = 0;
        bool suspect = false;
        Time due{};
        Time started{};
        std::chrono::system_clock::time_point started_at;
        std::vector<Request> requests{};  // that are answered when it is stored
    };

    // A session's request whose poll waits to be stored, and what it is told then.
    struct Answer {
        Request request;
        std::string text;
    };

    [[nodiscard]] bool upgraded(Time now);
    void reconcile(std::vector<Target> targets, Time now);
    void add_target(Target target, Time now);
    void change_target(core::Schedule::Key key, Target target, Time now);
    void remove_target(core::Schedule::Key key);
    bool may_poll(const Target& target) const;
    Target load_checked_target(const Request& request, Time now);
    void dispatch_check(const Request& request, Time now);
    void dispatch_poll(const Request& request, Time now);
    void answer_stored(const std::string& error);
    void start_poll(const core::Schedule::Due& due, Time now);
    void finish(FinishedJob&& job, Time now);
    void finish_poll(JobInFlight&& job, FinishedJob&& finished, Time now);
    void after_poll(core::Schedule::Key key, Time now);
    void finish_check(const Request& request, FinishedJob& finished);
    void record(TargetRuntime& runtime, JobInFlight&& job, core::Result&& result, Time next_due, Time now);
    void log_change(const TargetRuntime& runtime, core::TargetStatus before, const core::PollRecord& record) const;
    [[nodiscard]] bool batch_complete(Time now) const;
    // Empty: there is none any more. Logged once per change.
    void set_problem(Problem problem, const std::string& error);
    void show_problems() const;
    void drop_excess_records();
    [[nodiscard]] std::size_t suspects_in_flight() const;

    Tenant tenant_;
    CollectorContext& context_;
    core::Schedule schedule_;
    core::Schedule::Key last_key_ = 0;
    std::unordered_map<core::Schedule::Key, TargetRuntime> targets_;
    std::unordered_map<std::string, core::Schedule::Key> keys_of_servers_;
    std::unordered_map<std::uint64_t, JobInFlight> jobs_;
    std::unordered_map<std::uint64_t, Request> checks_;
    ProberSupervisor prober_;
    ProberNetwork network_;  // as the last reload found it
    std::deque<core::PollRecord> records_;
    std::vector<Answer> answers_;  // to be given once the records are stored
    Time oldest_record_{};
    Time read_not_before_{};
    Time store_not_before_{};
    Time next_maintenance_{};
    std::map<Problem, std::string> problems_;
};

}  // namespace vitals::ext
