// One tenant while the collector runs: which of its targets are due, what is in flight, and what waits to be stored.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/group_history.h"
#include "core/lag_window.h"
#include "core/poll_record.h"
#include "core/schedule.h"
#include "core/series_list.h"
#include "core/target_status.h"
#include "core/time_text.h"
#include "extension/collector_report.h"
#include "extension/definitions.h"
#include "extension/fleet.h"
#include "extension/own_metrics.h"
#include "extension/patience.h"
#include "extension/prober_supervisor.h"
#include "extension/requests.h"
#include "extension/sample_queue.h"
#include "extension/tenant_problems.h"

namespace vitals::ext {

// What all tenants of a collector share.
struct CollectorContext {
    const SecretKeys& keys;
    CollectorFigures& figures;
    core::Places places;
    core::LagWindow lags;
    SharedDefinitions builtin;         // groups of the extension; never null
    std::vector<NamedProber> probers;  // as published last
    std::uint64_t last_job = 0;
    std::shared_ptr<core::SeriesUsage> series = std::make_shared<core::SeriesUsage>();
};

// For people: class, message and the server's own number.
std::string describe(const core::Failure& failure);

class TenantRuntime {
  public:
    TenantRuntime(Tenant tenant, CollectorContext& context);

    // Takes the tenant as it is now and reads its tables, unless that was slow and is to wait. changed: somebody said
    // that a configuration did, perhaps this tenant's.
    void reload(Tenant tenant, bool changed, Time now);
    // Reads the targets again and brings the schedule in line. Errors are remembered and logged, once per change.
    void read(Time now);
    // When read() is wanted, if it is: a change came while it was to wait.
    [[nodiscard]] std::optional<Time> read_wanted_at() const;

    // Brings the groups that its prober knows in line with those of the extension and the tenant's own.
    void define();

    // Starts one poll or probe that is due and has a place. False: there is none.
    bool dispatch(Time now);
    // Hands one that is due and has no place to the prober, to begin when another one ends. False: there is none, or no
    // other, or the prober has enough to read.
    bool dispatch_ahead(Time now);
    // Takes back what was handed over so.
    void withdraw(Time now) { prober_.withdraw(now); }
    // Whether something is due that would begin if a place were free.
    [[nodiscard]] bool waits(Time now) const;
    // Starts the connection test, or the poll, that a session asked for.
    void serve(const Request& request, Time now);

    void on_socket(bool readable, bool writable, Time now);
    void on_time(Time now);

    // Stores what has been polled, if it is time to, within the limit.
    void flush(Time now, std::chrono::milliseconds limit);
    // What is in flight is given up, and what was read is stored, within the limit. Returns how many samples are lost.
    std::size_t end(std::chrono::milliseconds limit);
    void maintain_if_due();

    [[nodiscard]] ProberSupervisor& prober() noexcept { return prober_; }
    [[nodiscard]] const Tenant& tenant() const noexcept { return tenant_; }
    [[nodiscard]] std::size_t in_flight() const noexcept { return jobs_.size() - ahead_; }
    [[nodiscard]] const core::Schedule& schedule() const noexcept { return schedule_; }
    // Polls that have been due for so long, were handed over ahead and have not begun.
    [[nodiscard]] std::size_t waiting_ahead(Time now, std::chrono::milliseconds for_at_least) const;
    // When something of this tenant is to be done; room: whether it may start another poll.
    [[nodiscard]] Time next_event(bool room, Time now) const;
    [[nodiscard]] ProberFigures prober_figures() const;

  private:
    struct TargetRuntime {
        Target target;
        core::TargetHealth health;
        std::uint64_t login = 0;                 // what the password and all else that a login takes is called
        std::uint64_t connected_to = 0;          // the generation of the prober that should have a connection; 0: none
        std::optional<core::Failure> failure{};  // of the last poll or probe
        std::shared_ptr<const WantedMetrics> wanted{};
        std::uint64_t cycle = 0;  // polls that read something; with the first, all groups run
        core::GroupHistory groups{};
        core::RecentSeries series{};        // of what is wanted
        std::unique_ptr<OwnMetrics> own{};  // of connector "collector"
        int lost_in_a_row = 0;
        bool gone = false;                // removed or stopped while a poll runs: forget it when that ends
        std::vector<Request> requests{};  // answered by the next poll that starts
    };
    struct JobInFlight {
        core::Schedule::Due due;
        core::HeldPlace place;
        bool ahead = false;  // it was handed over so
        Time started{};
        std::chrono::milliseconds spent{0};  // of its time, before it needed its password
        std::uint64_t login = 0;             // that it was told
        std::chrono::system_clock::time_point started_at;
        std::vector<Request> requests{};  // that are answered when it is stored
        // As it was told: a change of what is wanted forgets them.
        std::shared_ptr<const WantedMetrics> wanted{};
        core::RecentSeries series{};
    };

    [[nodiscard]] bool may_dispatch(Time now) const { return prober_.available(now) && !samples_.is_behind(); }
    [[nodiscard]] bool upgraded(Time now);
    void reconcile(std::vector<Target> targets, Time now);
    void add_target(Target target, Time now, bool with_collector);
    void change_target(core::Schedule::Key key, Target target, Time now);
    void remove_target(core::Schedule::Key key);
    bool may_poll(const Target& target) const;
    Target load_checked_target(const Request& request, Time now);
    void dispatch_check(const Request& request, Time now);
    void dispatch_poll(const Request& request, Time now);
    void start(const core::Schedule::Due& due, core::HeldPlace place, Time now);
    bool hand_over(JobInFlight&& job, Time now);
    void hand_over_with_password(JobInFlight&& job, const core::Result& result, Time now);
    [[nodiscard]] core::Job job_of(const TargetRuntime& runtime, const JobInFlight& job, std::uint64_t id) const;
    [[nodiscard]] bool is_connected(const TargetRuntime& runtime) const;
    void finish(FinishedJob&& job, Time now);
    void begin(std::uint64_t id);
    void finish_job(JobInFlight&& job, FinishedJob&& finished, Time now);
    void finish_probe(TargetRuntime& runtime, const JobInFlight& job, core::Result& result, Time now);
    void finish_poll(TargetRuntime& runtime, JobInFlight&& job, core::Result&& result, Time now);
    void put_values(core::PollRecord& record, TargetRuntime& runtime, const JobInFlight& job, core::Result& result);
    void after_poll(core::Schedule::Key key, Time now);
    void finish_check(const Request& request, FinishedJob& finished);
    void hurry_unreached(Time now);
    void read_own_groups();
    void merge_groups();
    std::shared_ptr<const WantedMetrics> wanted_of(const Target& target);
    void forget_unused_wanted();
    [[nodiscard]] bool repeats_lost(TargetRuntime& runtime, JobInFlight& job, Time now);
    void put_back(TargetRuntime& runtime, JobInFlight& job, Time now);
    [[nodiscard]] core::PollRecord make_record(core::Schedule::Key key, Time next_due,
                                               const core::WallClock& clock) const;
    void record_passed_cycles(Time now);
    void record_skipped_cycles(const core::PollRecord& as_before, const core::Schedule::Skipped& skipped,
                               const core::WallClock& clock);
    void log_change(const TargetRuntime& runtime, core::TargetStatus before, const core::PollRecord& record) const;
    // Whether a poll ends, or one begins, before the given time.
    [[nodiscard]] bool more_follow(Time until) const;

    Tenant tenant_;
    CollectorContext& context_;
    core::Schedule schedule_;
    core::Schedule::Key last_key_ = 0;
    std::uint64_t last_login_ = 0;
    std::unordered_map<core::Schedule::Key, TargetRuntime> targets_;
    std::unordered_map<std::string, core::Schedule::Key> keys_of_servers_;
    std::unordered_map<std::uint64_t, JobInFlight> jobs_;
    std::size_t ahead_ = 0;  // of the jobs, those that have not begun
    std::unordered_map<std::uint64_t, Request> checks_;
    ProberSupervisor prober_;
    ProberNetwork network_;  // as the last reload found it
    std::vector<OwnGroup> own_groups_;
    SharedDefinitions own_merged_from_;  // the groups of the extension that definitions_ was made with
    bool own_groups_changed_ = true;
    std::string own_groups_problem_;  // of the last reading; empty: none
    std::string left_out_groups_;     // which, and why
    SharedDefinitions definitions_;   // never null
    // By what is enabled: most targets of a tenant have the same.
    std::map<std::pair<std::string, std::vector<std::string>>, std::shared_ptr<const WantedMetrics>> wanted_;
    TenantProblems problems_;
    core::SeriesLists series_lists_;
    SampleQueue samples_;
    bool loaded_ = false;          // the targets were read once
    std::size_t lost_at_end_ = 0;  // polls that got lost once the end was asked for
    Time read_not_before_{};
    bool passed_over_ = false;  // by a reload, since it came before that
    Time next_maintenance_{};
};

}  // namespace vitals::ext
