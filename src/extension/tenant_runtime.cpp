#include "extension/tenant_runtime.h"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <set>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "core/time_text.h"
#include "extension/collector.h"
#include "extension/settings.h"
#include "extension/storage.h"
#include "pg/boundary.h"
#include "pg/descriptors.h"
#include "pg/log.h"
#include "pg/pg.h"

extern "C" {
#include "mb/pg_wchar.h"
#include "postmaster/postmaster.h"
}

namespace vitals::ext {

namespace {

using namespace std::chrono_literals;

constexpr auto most_batch_age = 1s;
constexpr std::size_t most_batch = 500;
// A tenant whose schema fails is tried again after this, and after so many times as long as the failure took: however
// slowly it fails, it costs the others at most a twentieth of the time. One that works, but not in the time that an
// honest schema needs, waits for what it took beyond that.
constexpr auto least_retry = 5s;
constexpr int retry_factor = 20;
constexpr auto slow_work = 250ms;
constexpr std::size_t most_waiting_records = 5000;
constexpr auto maintenance_interval = 1h;
constexpr auto maintenance_retry = 1min;
// Hundreds of tenants are not all maintained in the collector's first second.
constexpr int maintenance_spread = 60;
constexpr auto lost_poll_delay = 500ms;
// Connection tests in flight, or requests for a poll of one server: also of sessions that have given up waiting.
constexpr std::size_t most_checks = 16;
// A target whose poll got lost twice in a row is likely the one that brings the prober down.
constexpr int most_lost_in_a_row = 2;

// Found from where the server finds the module itself, never from a setting: whoever chose the program would be the
// server's operating system user.
std::string prober_path() {
    return std::string(pkglib_path) + "/pg_vitals/vitals_prober";
}

// Of a session, for a reason that is not the tenant's schema.
class RequestRefused : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

std::string keytab_of(const Tenant& tenant) {
    const std::string directory = setting_keytab_directory();
    if (directory.empty()) return {};
    // The name is the tenant's, which has letters, digits and underscores only.
    std::string path = directory + "/" + tenant.name + ".keytab";
    return access(path.c_str(), R_OK) == 0 ? path : "";
}

ProberNetwork prober_network(const Tenant& tenant) {
    ProberNetwork network{.allowed_targets = {setting_allowed_targets()},
                          .own_port = PostPortNumber,
                          .krb5_config = setting_krb5_config(),
                          .keytab = keytab_of(tenant)};
    if (!tenant.allowed_targets.empty()) network.allowed_targets.push_back(tenant.allowed_targets);
    return network;
}

// ProberSettings take what the settings say at the moment of the start.
ProberSettings prober_settings(const Tenant& tenant) {
    if (!pg::reserve_descriptor())
        throw std::system_error(std::make_error_code(std::errc::too_many_files_open), "too many probers are running");
    return {.path = prober_path(),
            .threads = std::min(setting_concurrency(), 256),
            .memory_limit_bytes = static_cast<long>(setting_prober_memory_limit()) * 1024 * 1024,
            .grace = setting_shutdown_grace(),
            .allow_local = !tenant.trusted_servers.empty(),
            .ca_directory = setting_ca_directory(),
            .network = prober_network(tenant)};
}

double milliseconds_of(Clock::duration span) {
    return std::chrono::duration<double, std::milli>(span).count();
}

std::string describe(const core::Failure& failure) {
    std::string text = std::string(core::to_text(failure.error_class)) + ": " + failure.message;
    if (failure.number != 0) text += " (" + std::to_string(failure.number) + ")";
    return text;
}

void keep_wanted(std::vector<core::Value>& values, const std::vector<std::string>& wanted) {
    if (wanted.empty()) return;
    std::erase_if(values, [&](const core::Value& value) {
        return std::find(wanted.begin(), wanted.end(), value.metric) == wanted.end();
    });
}

Time retry_of_failure(Time started) {
    const Time now = Clock::now();
    return now + std::max<Clock::duration>(least_retry, (now - started) * retry_factor);
}

Time next_after_success(Time started) {
    const Time now = Clock::now();
    return now + std::max<Clock::duration>(now - started - slow_work, 0ms) * retry_factor;
}

}  // namespace

TenantRuntime::TenantRuntime(Tenant tenant, CollectorContext& context)
    : tenant_(std::move(tenant)),
      context_(context),
      prober_("tenant \"" + tenant_.name + "\"", [this] { return prober_settings(tenant_); }),
      network_(prober_network(tenant_)),
      next_maintenance_(Clock::now() + std::chrono::seconds{tenant_.key % maintenance_spread}) {}

void TenantRuntime::reload(Tenant tenant, Time now) {
    const bool local_before = !tenant_.trusted_servers.empty();
    tenant_ = std::move(tenant);
    // Where it may go is told to a prober at its start.
    ProberNetwork network = prober_network(tenant_);
    const bool network_changed = network != network_;
    network_ = std::move(network);
    if (local_before == tenant_.trusted_servers.empty() || network_changed) prober_.renew();
    // Not now: that is before the tenants that were read first, whose time is not this one's.
    const Time started = Clock::now();
    if (started < read_not_before_ || !upgraded(started)) return;
    try {
        if (tenant_.owner_too_powerful) throw std::runtime_error("its role is a superuser, for whom nothing is done");
        reconcile(load_targets(tenant_), now);
        read_not_before_ = next_after_success(started);
        set_problem(Problem::reading, "");
    } catch (const std::exception& error) {
        read_not_before_ = retry_of_failure(started);
        set_problem(Problem::reading, std::string("could not read the servers: ") + error.what());
    }
    if (schedule_.size() == 0 && jobs_.empty() && checks_.empty()) prober_.stop_if_idle();
}

// Relations of another version are not touched but to bring them up to date.
bool TenantRuntime::upgraded(Time now) {
    if (tenant_.version == VITALS_VERSION || tenant_.owner_too_powerful) return true;
    const std::string before = tenant_.version;
    try {
        upgrade(tenant_);
        set_problem(Problem::upgrading, "");
        pg::write_log(pg::LogLevel::log, "tenant \"" + tenant_.name + "\" was upgraded",
                      "Its relations were of version " + before + " and are now of " + tenant_.version + ".");
        return true;
    } catch (const std::exception& error) {
        read_not_before_ = retry_of_failure(now);
        set_problem(Problem::upgrading, std::string("could not upgrade its relations: ") + error.what());
        return false;
    }
}

void TenantRuntime::reconcile(std::vector<Target> targets, Time now) {
    std::set<core::Schedule::Key> wanted;
    for (auto& target : targets) {
        const auto known = keys_of_servers_.find(target.server_id);
        // Also one that is off, while a session waits for its poll.
        const bool requested = known != keys_of_servers_.end() && !targets_.at(known->second).requests.empty();
        if (!(target.enabled || requested) || !may_poll(target)) continue;
        if (known == keys_of_servers_.end()) {
            add_target(std::move(target), now);
            wanted.insert(last_key_);
        } else {
            wanted.insert(known->second);
            change_target(known->second, std::move(target), now);
        }
    }
    std::vector<core::Schedule::Key> unwanted;
    for (const auto& [key, runtime] : targets_) {
        if (!runtime.gone && !wanted.contains(key)) unwanted.push_back(key);
    }
    for (const auto key : unwanted)
        remove_target(key);
}

bool TenantRuntime::may_poll(const Target& target) const {
    return !target.needs_trust || tenant_.trusted_servers.contains(target.server_id + "/" + target.connector);
}

void TenantRuntime::add_target(Target target, Time now) {
    const auto key = ++last_key_;
    keys_of_servers_[target.server_id] = key;
    schedule_.put(key, target.server_id, target.interval, now);
    const auto health = target.stored_health;
    targets_.emplace(key, TargetRuntime{.target = std::move(target), .health = health});
}

void TenantRuntime::change_target(core::Schedule::Key key, Target target, Time now) {
    TargetRuntime& runtime = targets_.at(key);
    schedule_.put(key, target.server_id, target.interval, now);
    // Whoever mends a host name or a password wants to see whether that helped.
    if (!target.connects_like(runtime.target)) schedule_.hurry(key, now);
    runtime.target = std::move(target);
}

void TenantRuntime::remove_target(core::Schedule::Key key) {
    TargetRuntime& runtime = targets_.at(key);
    schedule_.remove(key);
    keys_of_servers_.erase(runtime.target.server_id);
    prober_.forget(runtime.target.server_id);
    for (const auto& request : std::exchange(runtime.requests, {}))
        answer_request(request, false, "The server was removed meanwhile.");
    const bool running =
        std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& entry) { return entry.second.key == key; });
    if (running) {
        runtime.gone = true;
    } else {
        targets_.erase(key);
    }
}

std::size_t TenantRuntime::suspects_in_flight() const {
    return std::count_if(jobs_.begin(), jobs_.end(), [](const auto& entry) { return entry.second.suspect; });
}

std::size_t TenantRuntime::dispatch(std::size_t limit, Time now) {
    if (!prober_.available(now)) return 0;
    // Servers that do not answer hold their place for a whole deadline: they get a quarter of the places.
    const std::size_t suspect_share = std::max(1, setting_concurrency() / 4);
    const std::size_t suspects = suspects_in_flight();
    const auto taken = schedule_.take_due(now, limit, suspect_share - std::min(suspects, suspect_share));
    for (const auto& due : taken)
        start_poll(due, now);
    return taken.size();
}

void TenantRuntime::start_poll(const core::Schedule::Due& due, Time now) {
    TargetRuntime& runtime = targets_.at(due.key);
    JobInFlight job{.key = due.key,
                    .suspect = runtime.health.consecutive_failures > 0,
                    .due = due.due,
                    .started = now,
                    .started_at = std::chrono::system_clock::now(),
                    .requests = std::exchange(runtime.requests, {})};
    const auto id = ++context_.last_job;
    FinishedJob failed{.id = id, .end = FinishedJob::End::answered, .result = {}};
    try {
        auto made =
            make_job(tenant_, runtime.target, core::JobKind::poll, id, setting_collection_timeout(), context_.keys);
        if (prober_.submit(made, now)) {
            jobs_.emplace(id, std::move(job));
            return;
        }
        failed.end = FinishedJob::End::lost;
        failed.result.failure = core::Failure{core::ErrorClass::prober_lost, 0, prober_.figures().last_exit};
    } catch (const std::exception& error) {
        failed.result.failure = core::Failure{core::ErrorClass::configuration, 0, error.what()};
    }
    finish_poll(std::move(job), std::move(failed), now);
}

Target TenantRuntime::load_checked_target(const Request& request, Time now) {
    if (now < read_not_before_)
        throw std::runtime_error("The tenant's servers cannot be read; see vitals.worker_status.");
    try {
        auto target = load_target(tenant_, request.server_id);
        read_not_before_ = next_after_success(now);
        if (target && may_poll(*target)) return std::move(*target);
        throw RequestRefused(target ? "Only a superuser may add a server with this connector."
                                    : "The collector does not see the server; commit first.");
    } catch (const RequestRefused&) {
        throw;
    } catch (const std::exception&) {
        read_not_before_ = retry_of_failure(now);
        throw;
    }
}

void TenantRuntime::serve(const Request& request, Time now) {
    try {
        if (tenant_.owner_too_powerful)
            throw RequestRefused("The tenant's role is a superuser, for whom nothing is done.");
        if (request.kind == RequestKind::check) {
            dispatch_check(request, now);
        } else {
            dispatch_poll(request, now);
        }
    } catch (const std::exception& error) {
        answer_request(request, false, error.what());
    }
}

void TenantRuntime::dispatch_check(const Request& request, Time now) {
    if (checks_.size() >= most_checks)
        throw RequestRefused("Too many tests of this tenant are running; try again in a moment.");
    const auto target = load_checked_target(request, now);
    if (!prober_.available(now)) throw RequestRefused("The prober is being restarted; try again in a moment.");
    const auto id = ++context_.last_job;
    // The session must hear of a timeout before it gives up itself.
    const auto deadline = std::chrono::milliseconds{std::max(request.timeout_ms - 500, 500)};
    const auto job = make_job(tenant_, target, core::JobKind::check, id, deadline, context_.keys);
    if (!prober_.submit(job, now)) throw RequestRefused(prober_.figures().last_exit);
    checks_.emplace(id, request);
}

// The poll of a server is one of its schedule, so that two never run at once and its place in the cycle is kept. One
// that is running may have been started with what the session just changed: it is not waited for alone.
void TenantRuntime::dispatch_poll(const Request& request, Time now) {
    auto target = load_checked_target(request, now);
    auto known = keys_of_servers_.find(request.server_id);
    if (known == keys_of_servers_.end()) {
        add_target(std::move(target), now);
        known = keys_of_servers_.find(request.server_id);
    } else {
        change_target(known->second, std::move(target), now);
    }
    TargetRuntime& runtime = targets_.at(known->second);
    if (runtime.requests.size() >= most_checks)
        throw RequestRefused("Too many sessions wait for a poll of this server; try again in a moment.");
    runtime.requests.push_back(request);
    schedule_.hurry(known->second, now);
}

void TenantRuntime::on_socket(bool readable, bool writable, Time now) {
    for (auto& job : prober_.on_socket(readable, writable, now))
        finish(std::move(job), now);
}

void TenantRuntime::on_time(Time now) {
    for (auto& job : prober_.on_time(now))
        finish(std::move(job), now);
}

void TenantRuntime::finish(FinishedJob&& job, Time now) {
    if (const auto check = checks_.find(job.id); check != checks_.end()) {
        finish_check(check->second, job);
        checks_.erase(check);
        return;
    }
    const auto found = jobs_.find(job.id);
    if (found == jobs_.end()) return;
    JobInFlight in_flight = std::move(found->second);
    jobs_.erase(found);
    finish_poll(std::move(in_flight), std::move(job), now);
}

void TenantRuntime::finish_check(const Request& request, FinishedJob& finished) {
    if (finished.end != FinishedJob::End::answered) {
        answer_request(request, false, finished.result.failure->message);
        return;
    }
    core::Result& result = finished.result;
    // A test that could not even begin has no steps, and an empty answer would look like a good one.
    if (result.checks.empty() && result.failure) {
        result.checks.push_back(
            {.check = "connection", .ok = false, .detail = describe(*result.failure), .remedy = ""});
    }
    answer_request(request, true, core::encode_checks(result));
}

void TenantRuntime::finish_poll(JobInFlight&& job, FinishedJob&& finished, Time now) {
    const auto found = targets_.find(job.key);
    if (found == targets_.end()) return;
    TargetRuntime& runtime = found->second;
    if (finished.end == FinishedJob::End::lost) {
        ++context_.figures.polls_lost;
        if (++runtime.lost_in_a_row < most_lost_in_a_row && !runtime.gone) {
            std::move(job.requests.begin(), job.requests.end(), std::back_inserter(runtime.requests));
            schedule_.again(job.key, lost_poll_delay, now);
            return;
        }
    }
    runtime.lost_in_a_row = 0;
    const bool succeeded = finished.result.outcome != core::Outcome::failed;
    const Time next_due = schedule_.done(job.key, succeeded, now);
    ++context_.figures.polls;
    if (!succeeded) ++context_.figures.polls_failed;
    const auto key = job.key;
    record(runtime, std::move(job), std::move(finished.result), next_due, now);
    after_poll(key, now);
}

void TenantRuntime::after_poll(core::Schedule::Key key, Time now) {
    const TargetRuntime& runtime = targets_.at(key);
    if (runtime.gone) {
        targets_.erase(key);
    } else if (!runtime.requests.empty()) {
        schedule_.hurry(key, now);
    } else if (!runtime.target.enabled) {
        remove_target(key);
    }
}

void TenantRuntime::record(TargetRuntime& runtime, JobInFlight&& job, core::Result&& result, Time next_due, Time now) {
    const auto before = runtime.health;
    runtime.health = core::after_poll(before, result.outcome, setting_offline_after());
    const auto collected_at = std::chrono::system_clock::now();
    core::PollRecord record;
    record.server_id = runtime.target.server_id;
    record.collected_at = core::utc_text(collected_at);
    record.started_at = core::utc_text(job.started_at);
    record.next_due_at =
        core::utc_text(collected_at + std::chrono::duration_cast<std::chrono::microseconds>(next_due - now));
    record.old_status = before.status;
    record.status = runtime.health.status;
    record.collected = result.outcome != core::Outcome::failed;
    record.consecutive_failures = runtime.health.consecutive_failures;
    record.lag_ms = milliseconds_of(job.started - job.due);
    record.duration_ms = milliseconds_of(now - job.started);
    record.interval_ms = result.interval_ms;
    record.failure = std::move(result.failure);
    record.values = std::move(result.values);
    record.facts = std::move(result.facts);
    keep_wanted(record.values, runtime.target.metrics);
    if (before.status != runtime.health.status) log_change(runtime, before.status, record);
    if (!job.requests.empty()) {
        const std::string text = core::encode_summary(record);
        for (auto& request : job.requests)
            answers_.push_back({std::move(request), text});
    }
    if (records_.empty()) oldest_record_ = now;
    records_.push_back(std::move(record));
    drop_excess_records();
}

void TenantRuntime::log_change(const TargetRuntime& runtime, core::TargetStatus before,
                               const core::PollRecord& record) const {
    const std::string message = "server \"" + runtime.target.name + "\" of tenant \"" + tenant_.name + "\" is " +
                                std::string(core::to_text(record.status)) + ", was " +
                                std::string(core::to_text(before));
    pg::write_log(pg::LogLevel::log, message, record.failure ? describe(*record.failure) : "");
}

// A lone sample is stored at once; while others follow, one transaction takes all of up to a second.
bool TenantRuntime::batch_complete(Time now) const {
    if (!answers_.empty() || records_.size() >= most_batch || now - oldest_record_ >= most_batch_age) return true;
    if (!jobs_.empty()) return false;
    const auto next = schedule_.next_due(true);
    return !next || *next >= oldest_record_ + most_batch_age;
}

void TenantRuntime::flush(Time now) {
    if (records_.empty() || now < store_not_before_) return;
    if (!batch_complete(now)) return;
    std::vector<core::PollRecord> batch(records_.begin(), records_.end());
    try {
        const Stored stored = store(tenant_, batch);
        records_.clear();
        answer_stored(stored.stored > 0
                          ? ""
                          : "It was polled, but the tenant's tables refused the result, or the server was removed.");
        store_not_before_ = next_after_success(now);
        context_.figures.samples_stored += stored.stored;
        context_.figures.samples_rejected += stored.rejected;
        if (stored.rejected > 0) {
            const std::string error = "tenant \"" + tenant_.name + "\" refused samples: " + stored.reason;
            pg::write_log(pg::LogLevel::warning, error);
            publish_error(error);
        }
        set_problem(Problem::storing, "");
    } catch (const std::exception& error) {
        store_not_before_ = retry_of_failure(now);
        set_problem(Problem::storing, std::string("could not store samples: ") + error.what());
        answer_stored("It was polled, but the result could not be stored yet; see vitals.tenants.");
    }
}

void TenantRuntime::answer_stored(const std::string& error) {
    for (const auto& answer : std::exchange(answers_, {}))
        answer_request(answer.request, error.empty(), error.empty() ? answer.text : error);
}

// The newest are kept: a schema that comes back shows the present, with a gap before it.
void TenantRuntime::drop_excess_records() {
    while (records_.size() > most_waiting_records) {
        records_.pop_front();
        ++context_.figures.samples_dropped;
    }
}

void TenantRuntime::maintain_if_due() {
    const Time now = Clock::now();
    // What cannot be read, since it is damaged or locked, is not maintained either.
    if (now < next_maintenance_ || now < read_not_before_) return;
    if (tenant_.owner_too_powerful || tenant_.version != VITALS_VERSION) return;
    next_maintenance_ = now + maintenance_interval;
    try {
        if (!maintain(tenant_)) next_maintenance_ = now;
        set_problem(Problem::maintaining, "");
    } catch (const std::exception& error) {
        // Most often somebody reads for long what is to be dropped.
        next_maintenance_ = std::max(now + maintenance_retry, retry_of_failure(now));
        set_problem(Problem::maintaining, std::string("could not keep partitions: ") + error.what());
    }
}

void TenantRuntime::set_problem(Problem problem, const std::string& error) {
    std::string& before = problems_[problem];
    if (error == before) return;
    // Tables and functions that were dropped with the extension are nobody's problem: the collection is about to end.
    if (!error.empty() && extension_has_changed()) return;
    before = error;
    show_problems();
    if (error.empty()) {
        pg::write_log(pg::LogLevel::log, "tenant \"" + tenant_.name + "\" works again");
        return;
    }
    const std::string message = "tenant \"" + tenant_.name + "\" has a problem";
    pg::write_log(pg::LogLevel::warning, message, error, "The other tenants are not affected.");
    publish_error(message + ": " + error);
}

// To the tenant's users. That it failed is no reason to stop.
void TenantRuntime::show_problems() const {
    std::string shown;
    for (const auto& [problem, error] : problems_) {
        if (!shown.empty() && !error.empty()) shown += "; ";
        shown += error;
    }
    try {
        note_problem(tenant_.key, shown);
    } catch (const pg::ServerError& error) {
        pg::write_log(pg::LogLevel::warning, "could not note a problem of tenant \"" + tenant_.name + "\"",
                      error.what());
    }
}

Time TenantRuntime::next_event(bool room, Time now) const {
    Time next = Time::max();
    const auto consider = [&](Time at) { next = std::min(next, at); };
    if (const auto event = prober_.next_event(); event && *event > now) consider(*event);
    if (!records_.empty())
        consider(std::max(batch_complete(now) ? now : oldest_record_ + most_batch_age, store_not_before_));
    const std::size_t suspect_share = std::max(1, setting_concurrency() / 4);
    if (room && prober_.available(now)) {
        if (const auto due = schedule_.next_due(suspects_in_flight() < suspect_share)) consider(*due);
    }
    return next;
}

ProberFigures TenantRuntime::prober_figures() const {
    const auto to_server_time = [](std::chrono::system_clock::time_point at) -> TimestampTz {
        if (at == std::chrono::system_clock::time_point{}) return 0;
        const auto since = std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
        return since - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
    };
    const auto source = prober_.figures();
    ProberFigures figures;
    figures.tenant_key = tenant_.key;
    figures.tenant_role = tenant_.role;
    figures.pid = source.pid;
    figures.started_at = to_server_time(source.started_at);
    figures.restarts = source.restarts;
    figures.in_flight = source.in_flight;
    figures.polls_lost = source.polls_lost;
    figures.last_exit_at = to_server_time(source.last_exit_at);
    const int length =
        pg_mbcliplen(source.last_exit.data(), static_cast<int>(source.last_exit.size()), sizeof(figures.last_exit) - 1);
    source.last_exit.copy(figures.last_exit, static_cast<std::size_t>(length));
    return figures;
}

}  // namespace vitals::ext
