// The polls and probes of a tenant's targets: from their place in the schedule to what is recorded of them. The rest of
// the class is in tenant_runtime.cpp.
#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "core/time_text.h"
#include "extension/settings.h"
#include "extension/tenant_runtime.h"
#include "extension/worker_process.h"
#include "pg/log.h"

namespace vitals::ext {

namespace {

using namespace std::chrono_literals;

constexpr auto lost_poll_delay = 500ms;
// A target whose poll got lost twice in a row is likely the one that brings the prober down.
constexpr int most_lost_in_a_row = 2;
// A probe is less than a poll. A connection attempt that got lost is repeated by the kernel after a second.
constexpr auto least_probe_deadline = 2s;

// Of those that one poll or one passed cycle finds: more rows would say no more, however long the machine slept.
constexpr std::int64_t most_skipped_rows = 10;

// Of the names of all targets of a tenant, and of all tenants. Beyond it, names come with the values.
constexpr std::size_t most_series_bytes = std::size_t{128} * 1024 * 1024;
constexpr std::size_t most_series_bytes_of_all = 4 * most_series_bytes;

double milliseconds_of(Clock::duration span) {
    return std::chrono::duration<double, std::milli>(span).count();
}

std::chrono::milliseconds deadline_of(core::JobKind kind) {
    const auto whole = setting_collection_timeout();
    return kind == core::JobKind::probe
               ? std::min(std::max<std::chrono::milliseconds>(whole / 2, least_probe_deadline), whole)
               : whole;
}

// A connector that asks nobody, or does not say, costs nothing. A login that failed has crossed no network for queries.
std::optional<core::PollRecord::Cost> cost_of(const core::Result& result) {
    if (result.round_trips == 0 && result.login_ms <= 0) return std::nullopt;
    core::PollRecord::Cost cost{.login_ms = result.login_ms,
                                .query_ms = result.query_ms,
                                .bytes = result.bytes,
                                .rows = 0,
                                .round_trips = result.round_trips};
    for (const auto& group : result.groups)
        cost.rows += group.rows;
    return cost;
}

core::Schedule::Ending ending_of(const core::TargetHealth& health, const std::optional<core::Failure>& failure,
                                 core::Outcome outcome) {
    if (outcome != core::Outcome::failed) return core::Schedule::Ending::good;
    const bool down =
        health.status == core::TargetStatus::offline && failure && core::is_out_of_reach(failure->error_class);
    return down ? core::Schedule::Ending::down : core::Schedule::Ending::failed;
}

}  // namespace

std::string describe(const core::Failure& failure) {
    std::string text = std::string(core::to_text(failure.error_class)) + ": " + failure.message;
    if (failure.number != 0) text += " (" + std::to_string(failure.number) + ")";
    return text;
}

bool TenantRuntime::dispatch(Time now) {
    if (!may_dispatch(now)) return false;
    const auto due = schedule_.take_due(now, context_.places);
    if (due) start(*due, core::HeldPlace(context_.places, due->lane), now);
    return due.has_value();
}

bool TenantRuntime::dispatch_ahead(Time now) {
    if (!may_dispatch(now) || in_flight() == 0 || !prober_.takes_ahead() || samples_.piles_up()) return false;
    const auto due = schedule_.take_due(now, context_.places.with_one_free());
    if (due) start(*due, core::HeldPlace(context_.places, due->lane, core::HeldPlace::Kind::ahead), now);
    return due.has_value();
}

bool TenantRuntime::waits(Time now) const {
    const auto due = schedule_.next_due(context_.places.with_one_free());
    return due && *due <= now && may_dispatch(now);
}

std::size_t TenantRuntime::waiting_ahead(Time now, std::chrono::milliseconds for_at_least) const {
    if (ahead_ == 0) return 0;
    return static_cast<std::size_t>(std::ranges::count_if(jobs_, [&](const auto& entry) {
        const JobInFlight& job = entry.second;
        return job.place.ahead() && !job.due.probe && job.due.due <= now - for_at_least;
    }));
}

// Whether its prober has a connection that nothing is known to have closed.
bool TenantRuntime::is_connected(const TargetRuntime& runtime) const {
    return runtime.connected_to != 0 && runtime.connected_to == prober_.generation() &&
           runtime.target.interval < core::idle_session;
}

// A password is opened and told only where it is needed.
core::Job TenantRuntime::job_of(const TargetRuntime& runtime, const JobInFlight& job, std::uint64_t id) const {
    const auto kind = job.due.probe ? core::JobKind::probe : core::JobKind::poll;
    auto made = make_job(runtime.target, kind, id, std::max(deadline_of(kind) - job.spent, 1ms));
    if (kind == core::JobKind::poll) {
        made.login = job.login;
        made.password_withheld = is_connected(runtime) && !runtime.target.sealed_password.empty();
        if (!made.password_withheld) made.password = open_password(tenant_, runtime.target, context_.keys);
    }
    // Whoever asks for a poll wants to see everything.
    if (runtime.cycle > 0 && job.requests.empty() && runtime.wanted->has_groups())
        made.groups = runtime.wanted->due_groups(runtime.cycle);
    made.series = job.series.refs();
    return made;
}

void TenantRuntime::start(const core::Schedule::Due& due, core::HeldPlace place, Time now) {
    TargetRuntime& runtime = targets_.at(due.key);
    const bool ahead = place.ahead();
    JobInFlight job{.due = due,
                    .place = std::move(place),
                    .ahead = ahead,
                    .started = now,
                    .started_at = std::chrono::system_clock::now(),
                    .wanted = runtime.wanted,
                    .series = runtime.series};
    if (!due.probe) job.requests = std::exchange(runtime.requests, {});
    hand_over(std::move(job), now);
}

// False: it has ended here, and is recorded.
bool TenantRuntime::hand_over(JobInFlight&& job, Time now) {
    TargetRuntime& runtime = targets_.at(job.due.key);
    job.login = runtime.login;
    const auto id = ++context_.last_job;
    FinishedJob at_once{.id = id, .end = FinishedJob::End::answered, .result = {}};
    if (runtime.target.connector == own_connector) {
        if (!runtime.own) runtime.own = std::make_unique<OwnMetrics>();
        at_once.result = runtime.own->poll(context_.figures, context_.probers, now);
        finish_job(std::move(job), std::move(at_once), now);
        return false;
    }
    try {
        auto made = job_of(runtime, job, id);
        if (job.place.ahead()) {
            prober_.submit_ahead(std::move(made), now);
            ++ahead_;
            jobs_.emplace(id, std::move(job));
            return true;
        }
        if (prober_.submit(made, now)) {
            jobs_.emplace(id, std::move(job));
            return true;
        }
        at_once.end = FinishedJob::End::lost;
        at_once.result.failure = core::Failure{core::ErrorClass::prober_lost, 0, prober_.figures().last_exit};
    } catch (const std::exception& error) {
        at_once.result.failure = core::Failure{core::ErrorClass::configuration, 0, error.what()};
    }
    finish_job(std::move(job), std::move(at_once), now);
    return false;
}

void TenantRuntime::begin(std::uint64_t id) {
    const auto next = jobs_.find(id);
    if (next == jobs_.end()) return;
    next->second.place.begin();
    --ahead_;
}

void TenantRuntime::finish(FinishedJob&& job, Time now) {
    if (job.followed_by) begin(*job.followed_by);
    if (const auto check = checks_.find(job.id); check != checks_.end()) {
        finish_check(check->second, job);
        checks_.erase(check);
        return;
    }
    const auto found = jobs_.find(job.id);
    if (found == jobs_.end()) return;
    JobInFlight in_flight = std::move(found->second);
    jobs_.erase(found);
    if (in_flight.place.ahead()) --ahead_;
    // When it began, as its prober says, which cannot be later than now.
    const std::chrono::duration<double, std::milli> waited(
        in_flight.ahead ? std::min(job.result.waited_ms, milliseconds_of(now - in_flight.started)) : 0);
    in_flight.started += std::chrono::floor<Clock::duration>(waited);
    in_flight.started_at += std::chrono::floor<std::chrono::system_clock::duration>(waited);
    finish_job(std::move(in_flight), std::move(job), now);
}

void TenantRuntime::finish_job(JobInFlight&& job, FinishedJob&& finished, Time now) {
    const auto found = targets_.find(job.due.key);
    if (found == targets_.end()) return;
    TargetRuntime& runtime = found->second;
    if (finished.end == FinishedJob::End::unbegun) {
        put_back(runtime, job, now);
        return;
    }
    if (finished.result.needs_password) {
        runtime.connected_to = 0;
        hand_over_with_password(std::move(job), finished.result, now);
        return;
    }
    if (finished.end == FinishedJob::End::lost && repeats_lost(runtime, job, now)) return;
    runtime.lost_in_a_row = 0;
    const auto key = job.due.key;
    if (job.due.probe) {
        finish_probe(runtime, job, finished.result, now);
    } else {
        finish_poll(runtime, std::move(job), std::move(finished.result), now);
    }
    after_poll(key, now);
}

// As if it had not been taken from the schedule.
void TenantRuntime::put_back(TargetRuntime& runtime, JobInFlight& job, Time now) {
    if (end_requested() || runtime.gone) {
        for (const auto& request : std::exchange(job.requests, {}))
            answer_request(request, false, end_requested() ? collector_ends : server_removed);
    }
    std::move(job.requests.begin(), job.requests.end(), std::back_inserter(runtime.requests));
    schedule_.not_begun(job.due);
    after_poll(job.due.key, now);
}

// Its connection was closed since the last poll: it goes on in its place, with what is left of its time. That its
// answer was not read at once is not its fault.
void TenantRuntime::hand_over_with_password(JobInFlight&& job, const core::Result& result, Time now) {
    const TargetRuntime& runtime = targets_.at(job.due.key);
    const std::string forgotten = runtime.gone ? runtime.target.server_id : "";
    job.ahead = false;
    job.spent += std::chrono::milliseconds{
        static_cast<int>(std::min(result.duration_ms, std::max(milliseconds_of(now - job.started), 0.0)))};
    const bool prober_ended = end_requested() && prober_.generation() == 0;
    if (!prober_.available(now) || prober_ended) {
        if (end_requested()) ++lost_at_end_;
        put_back(targets_.at(job.due.key), job, now);
    } else if (hand_over(std::move(job), now)) {
        if (!forgotten.empty() && !keys_of_servers_.contains(forgotten)) prober_.forget(forgotten);
        return;
    }
    // Neither side counts it as ended, and some may wait for that.
    withdraw(now);
}

bool TenantRuntime::repeats_lost(TargetRuntime& runtime, JobInFlight& job, Time now) {
    ++context_.figures.polls_lost;
    if (end_requested()) {
        // Its prober ended first; there is no time for another try.
        if (!job.due.probe) ++lost_at_end_;
        for (const auto& request : std::exchange(job.requests, {}))
            answer_request(request, false, collector_ends);
        return true;
    }
    if (++runtime.lost_in_a_row >= most_lost_in_a_row || runtime.gone) return false;
    std::move(job.requests.begin(), job.requests.end(), std::back_inserter(runtime.requests));
    schedule_.again(job.due.key, lost_poll_delay, now);
    return true;
}

void TenantRuntime::finish_probe(TargetRuntime& runtime, const JobInFlight& job, core::Result& result, Time now) {
    const bool answered = result.outcome != core::Outcome::failed;
    ++context_.figures.probes;
    if (!answered) {
        ++runtime.health.consecutive_failures;
        runtime.failure = std::move(result.failure);
    }
    schedule_.probed(job.due.key, answered, now);
}

void TenantRuntime::finish_poll(TargetRuntime& runtime, JobInFlight&& job, core::Result&& result, Time now) {
    const auto before = runtime.health;
    auto failure_before = std::exchange(runtime.failure, std::move(result.failure));
    runtime.health = core::after_poll(before, result.outcome, setting_offline_after());
    // A poll that failed leaves no connection, and one of another login none of this.
    const bool connected = result.outcome != core::Outcome::failed && job.login == runtime.login;
    runtime.connected_to = connected ? prober_.generation() : 0;
    const auto [next_due, skipped] =
        schedule_.done(job.due.key, ending_of(runtime.health, runtime.failure, result.outcome), now);
    ++context_.figures.polls;
    if (result.outcome == core::Outcome::failed) ++context_.figures.polls_failed;
    if (runtime.failure) ++context_.figures.failures.at(static_cast<std::size_t>(runtime.failure->error_class));

    const core::WallClock clock(now);
    core::PollRecord record = make_record(job.due.key, next_due, clock);
    if (skipped.count > 0) {
        core::PollRecord as_before = record;
        as_before.status = before.status;
        as_before.consecutive_failures = before.consecutive_failures;
        as_before.failure = std::move(failure_before);
        record_skipped_cycles(as_before, skipped, clock);
    }
    context_.lags.add(job.started - job.due.due, now);
    record.started_at = core::utc_text(job.started_at);
    record.collected = result.outcome != core::Outcome::failed;
    record.lag_ms = milliseconds_of(job.started - job.due.due);
    record.duration_ms = milliseconds_of(now - job.started);
    record.interval_ms = result.interval_ms;
    put_values(record, runtime, job, result);
    record.facts = std::move(result.facts);
    record.cost = cost_of(result);
    // One that was told something else than what is wanted now has not been the first cycle of that.
    if (record.collected && job.wanted == runtime.wanted) {
        runtime.cycle = runtime.cycle == 0 ? core::second_cycle(runtime.target.server_id) : runtime.cycle + 1;
    } else {
        runtime.cycle = 0;
    }
    if (runtime.groups.update(result.groups, record.collected_at, now)) record.groups = runtime.groups.outcomes();
    if (before.status != runtime.health.status) log_change(runtime, before.status, record);
    samples_.add(std::move(record), std::move(job.requests), now);
}

void TenantRuntime::put_values(core::PollRecord& record, TargetRuntime& runtime, const JobInFlight& job,
                               core::Result& result) {
    if (result.without_names) {
        // One of those that it was told, or the prober would be gone.
        const auto list = job.series.find(*result.series);
        if (job.wanted == runtime.wanted) {
            record.series = list;
            record.numbers = list->in_order(result.numbers);
            runtime.series.used(*result.series);
            return;
        }
        result.values = list->named(result.numbers);
        result.series.reset();
    }
    runtime.wanted->keep_wanted(result.values);
    if (result.values.empty()) return;
    record.series = series_lists_.list_of(result.values);
    record.numbers = record.series->in_order(core::numbers_of(result.values));
    const bool whole = result.series && result.series->count == record.series->size();
    const bool room = series_lists_.used() <= most_series_bytes && context_.series->bytes() <= most_series_bytes_of_all;
    if (whole && room && job.wanted == runtime.wanted) runtime.series.add(*result.series, record.series);
}

core::PollRecord TenantRuntime::make_record(core::Schedule::Key key, Time next_due,
                                            const core::WallClock& clock) const {
    const TargetRuntime& runtime = targets_.at(key);
    core::PollRecord record;
    record.server_id = runtime.target.server_id;
    record.collected_at = clock.text_of(clock.now());
    record.next_due_at = clock.text_of(next_due);
    if (const auto probe = schedule_.next_probe(key)) record.next_probe_at = clock.text_of(*probe);
    record.status = runtime.health.status;
    record.consecutive_failures = runtime.health.consecutive_failures;
    record.failure = runtime.failure;
    return record;
}

// History has no gaps: also a cycle without network work leaves a row.
void TenantRuntime::record_passed_cycles(Time now) {
    const core::WallClock clock(now);
    for (const auto& [key, skipped] : schedule_.take_passed(now)) {
        core::PollRecord record = make_record(key, schedule_.next_cycle(key), clock);
        record_skipped_cycles(record, skipped, clock);
        ++context_.figures.cycles_passed;
        samples_.add(std::move(record), {}, now);
    }
}

// Before what comes after them: the newest record of a server says how it is.
void TenantRuntime::record_skipped_cycles(const core::PollRecord& as_before, const core::Schedule::Skipped& skipped,
                                          const core::WallClock& clock) {
    context_.figures.cycles_skipped += skipped.count;
    for (auto left = std::min(skipped.count, most_skipped_rows); left > 0 && samples_.has_room(); --left) {
        const Time at = skipped.first + (skipped.count - left) * skipped.interval;
        core::PollRecord record = as_before;
        record.collected_at = clock.text_of(at);
        samples_.add(std::move(record), {}, clock.now());
    }
}

void TenantRuntime::after_poll(core::Schedule::Key key, Time now) {
    const TargetRuntime& runtime = targets_.at(key);
    if (runtime.gone) {
        targets_.erase(key);
    } else if (!runtime.requests.empty()) {
        schedule_.hurry(key, now, core::Lane::proven);
    } else if (!runtime.target.enabled) {
        remove_target(key);
    }
}

void TenantRuntime::log_change(const TargetRuntime& runtime, core::TargetStatus before,
                               const core::PollRecord& record) const {
    const std::string message = "server \"" + runtime.target.name + "\" of tenant \"" + tenant_.name + "\" is " +
                                std::string(core::to_text(record.status)) + ", was " +
                                std::string(core::to_text(before));
    pg::write_log(pg::LogLevel::log, message, record.failure ? describe(*record.failure) : "");
}

}  // namespace vitals::ext
