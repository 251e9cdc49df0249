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
#include "extension/worker_process.h"
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

constexpr auto maintenance_interval = 1h;
constexpr auto maintenance_retry = 1min;
// Hundreds of tenants are not all maintained in the collector's first second.
constexpr int maintenance_spread = 60;
// Connection tests in flight, or requests for a poll of one server: also of sessions that have given up waiting.
constexpr std::size_t most_checks = 16;
// What a thread of a prober reserves (prober/sandbox/limits.cpp) and hardly uses: of the setting, nothing is taken for
// it.
constexpr long thread_stack_bytes = 256L * 1024;

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

bool has_local_server(const Tenant& tenant) {
    return std::ranges::any_of(tenant.trusted_servers,
                               [](const std::string& server) { return server.ends_with("/local"); });
}

// ProberSettings take what the settings say at the moment of the start.
ProberSettings prober_settings(const Tenant& tenant) {
    if (!pg::reserve_descriptor())
        throw std::system_error(std::make_error_code(std::errc::too_many_files_open), "too many probers are running");
    return {.path = prober_path(),
            .threads = setting_concurrency(),
            .memory_limit_bytes = static_cast<long>(setting_prober_memory_limit()) * 1024 * 1024 +
                                  setting_concurrency() * thread_stack_bytes,
            .grace = setting_shutdown_grace(),
            .allow_local = has_local_server(tenant),
            .ca_directory = setting_ca_directory(),
            .network = prober_network(tenant)};
}

}  // namespace

TenantRuntime::TenantRuntime(Tenant tenant, CollectorContext& context)
    : tenant_(std::move(tenant)),
      context_(context),
      prober_("tenant \"" + tenant_.name + "\"", [this] { return prober_settings(tenant_); }),
      network_(prober_network(tenant_)),
      problems_(tenant_.key, tenant_.name),
      series_lists_(context.series),
      samples_(context.figures, problems_),
      next_maintenance_(Clock::now() + std::chrono::seconds{tenant_.key % maintenance_spread}) {
    // A session may ask for a poll before the tenant's tables could be read once.
    define();
}

void TenantRuntime::reload(Tenant tenant, bool changed, Time now) {
    const bool local_before = has_local_server(tenant_);
    tenant.notify = tenant_.notify;
    tenant_ = std::move(tenant);
    // Where it may go is told to a prober at its start.
    ProberNetwork network = prober_network(tenant_);
    const bool network_changed = network != network_;
    network_ = std::move(network);
    if (local_before != has_local_server(tenant_) || network_changed) prober_.renew(now);
    if (network_changed) hurry_unreached(now);
    // Not now: that is before the tenants that were read first, whose time is not this one's.
    if (Clock::now() >= read_not_before_) {
        read(now);
    } else if (changed) {
        passed_over_ = true;
    }
}

std::optional<Time> TenantRuntime::read_wanted_at() const {
    return passed_over_ ? std::optional(read_not_before_) : std::nullopt;
}

void TenantRuntime::read(Time now) {
    const Time started = Clock::now();
    passed_over_ = false;
    if (!upgraded(started)) return;
    try {
        if (tenant_.owner_too_powerful) throw std::runtime_error("its role is a superuser, for whom nothing is done");
        auto targets = load_targets(tenant_);
        // Before the targets, which are polled with them.
        read_own_groups();
        define();
        reconcile(std::move(targets), now);
        read_not_before_ = next_after_success(started);
        problems_.set(Problem::reading, "");
    } catch (const std::exception& error) {
        read_not_before_ = retry_of_failure(started);
        problems_.set(Problem::reading, std::string("could not read the servers: ") + error.what());
    }
    if (schedule_.size() == 0 && jobs_.empty() && checks_.empty()) prober_.stop_if_idle();
}

// Where its prober may go now, somebody may be.
void TenantRuntime::hurry_unreached(Time now) {
    schedule_.hurry_probes(now);
    for (const auto& [key, runtime] : targets_) {
        if (runtime.failure && runtime.failure->error_class == core::ErrorClass::not_allowed)
            schedule_.hurry(key, now, core::Lane::failing);
    }
}

// That they cannot be read keeps no server from being polled.
void TenantRuntime::read_own_groups() {
    try {
        auto groups = load_own_groups(tenant_);
        own_groups_changed_ = own_groups_changed_ || groups != own_groups_;
        own_groups_ = std::move(groups);
        own_groups_problem_.clear();
    } catch (const pg::ServerError& error) {
        own_groups_problem_ = std::string("could not read its metric groups: ") + error.what();
    }
}

void TenantRuntime::define() {
    if (own_groups_changed_ || own_merged_from_ != context_.builtin) merge_groups();
    problems_.set(Problem::defining, own_groups_problem_.empty() ? left_out_groups_ : own_groups_problem_);
}

void TenantRuntime::merge_groups() {
    definitions_ = merge_definitions(context_.builtin, own_groups_, left_out_groups_);
    own_groups_changed_ = false;
    own_merged_from_ = context_.builtin;
    prober_.define(definitions_);
    withdraw(Clock::now());
    wanted_.clear();
    for (auto& [key, runtime] : targets_) {
        runtime.wanted = wanted_of(runtime.target);
        runtime.series.clear();
        // What is new is not to wait for its turn.
        runtime.cycle = 0;
        runtime.groups.clear();
    }
}

std::shared_ptr<const WantedMetrics> TenantRuntime::wanted_of(const Target& target) {
    auto& wanted = wanted_[{target.connector, target.metrics}];
    if (!wanted) {
        const auto groups = definitions_->of_connector.find(target.connector);
        wanted = std::make_shared<const WantedMetrics>(
            groups == definitions_->of_connector.end() ? nullptr : &groups->second, target.metrics);
    }
    return wanted;
}

// A tenant that changes what is enabled again and again must not fill the memory.
void TenantRuntime::forget_unused_wanted() {
    std::erase_if(wanted_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

// Relations of another version are not touched but to bring them up to date.
bool TenantRuntime::upgraded(Time now) {
    if (tenant_.version == VITALS_VERSION || tenant_.owner_too_powerful) return true;
    const std::string before = tenant_.version;
    try {
        upgrade(tenant_);
        problems_.set(Problem::upgrading, "");
        pg::write_log(pg::LogLevel::log, "tenant \"" + tenant_.name + "\" was upgraded",
                      "Its relations were of version " + before + " and are now of " + tenant_.version + ".");
        return true;
    } catch (const std::exception& error) {
        read_not_before_ = retry_of_failure(now);
        problems_.set(Problem::upgrading, std::string("could not upgrade its relations: ") + error.what());
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
            add_target(std::move(target), now, !loaded_);
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
    forget_unused_wanted();
    loaded_ = true;
}

bool TenantRuntime::may_poll(const Target& target) const {
    return !target.needs_trust || tenant_.trusted_servers.contains(target.server_id + "/" + target.connector);
}

// with_collector: it was collected before this collector started, which goes on with what the last one knew. What a
// user switches on is polled at once, whatever was known.
void TenantRuntime::add_target(Target target, Time now, bool with_collector) {
    const auto key = ++last_key_;
    keys_of_servers_[target.server_id] = key;
    const auto status = target.stored_health.status;
    const auto& failure = target.stored_failure;
    if (with_collector && status == core::TargetStatus::offline && failure &&
        core::is_out_of_reach(failure->error_class)) {
        schedule_.put_down(key, target.server_id, target.interval, now);
    } else {
        const bool answered = status == core::TargetStatus::online || status == core::TargetStatus::degraded;
        schedule_.put(key, target.server_id, target.interval, now,
                      with_collector && answered ? core::Lane::proven : core::Lane::unproven);
    }
    TargetRuntime runtime{.target = std::move(target), .health = {}, .login = ++last_login_};
    runtime.health = runtime.target.stored_health;
    runtime.failure = runtime.target.stored_failure;
    // What was read of it may not be stored yet.
    if (const auto* newest = samples_.newest_of(runtime.target.server_id)) {
        runtime.health = {newest->status, newest->consecutive_failures};
        runtime.failure = newest->failure;
    }
    runtime.wanted = wanted_of(runtime.target);
    targets_.emplace(key, std::move(runtime));
}

void TenantRuntime::change_target(core::Schedule::Key key, Target target, Time now) {
    TargetRuntime& runtime = targets_.at(key);
    const auto skipped = schedule_.put(key, target.server_id, target.interval, now);
    if (skipped.count > 0) {
        const core::WallClock clock(now);
        record_skipped_cycles(make_record(key, schedule_.next_cycle(key), clock), skipped, clock);
    }
    // Whoever mends a host name or a password wants to see whether that helped.
    if (!target.connects_like(runtime.target)) {
        withdraw(now);
        schedule_.hurry(key, now, core::Lane::unproven);
        runtime.login = ++last_login_;
        runtime.connected_to = 0;
        runtime.cycle = 0;
    }
    if (target.metrics != runtime.target.metrics) {
        withdraw(now);
        runtime.wanted = wanted_of(target);
        runtime.series.clear();
        runtime.cycle = 0;
        runtime.groups.clear();
    }
    runtime.target = std::move(target);
}

void TenantRuntime::remove_target(core::Schedule::Key key) {
    TargetRuntime& runtime = targets_.at(key);
    schedule_.remove(key);
    keys_of_servers_.erase(runtime.target.server_id);
    prober_.forget(runtime.target.server_id);
    for (const auto& request : std::exchange(runtime.requests, {}))
        answer_request(request, false, server_removed);
    withdraw(Clock::now());
    const bool running =
        std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& entry) { return entry.second.due.key == key; });
    if (running) {
        runtime.gone = true;
    } else {
        targets_.erase(key);
    }
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
    if (target.connector == own_connector) {
        core::Result result;
        result.checks.push_back(
            {.check = "collector", .ok = true, .detail = "This database's own collector.", .remedy = ""});
        answer_request(request, true, core::encode_checks(result));
        return;
    }
    if (!prober_.available(now)) throw RequestRefused("The prober is being restarted; try again in a moment.");
    const auto id = ++context_.last_job;
    // The session must hear of a timeout before it gives up itself.
    const auto deadline = std::chrono::milliseconds{std::max(request.timeout_ms - 500, 500)};
    auto job = make_job(target, core::JobKind::check, id, deadline);
    job.password = open_password(tenant_, target, context_.keys);
    if (!prober_.submit(job, now)) throw RequestRefused(prober_.figures().last_exit);
    checks_.emplace(id, request);
}

// The poll of a server is one of its schedule, so that two never run at once and its place in the cycle is kept. One
// that is running may have been started with what the session just changed: it is not waited for alone.
void TenantRuntime::dispatch_poll(const Request& request, Time now) {
    auto target = load_checked_target(request, now);
    auto known = keys_of_servers_.find(request.server_id);
    if (known == keys_of_servers_.end()) {
        add_target(std::move(target), now, false);
        known = keys_of_servers_.find(request.server_id);
    } else {
        change_target(known->second, std::move(target), now);
    }
    forget_unused_wanted();
    TargetRuntime& runtime = targets_.at(known->second);
    if (runtime.requests.size() >= most_checks)
        throw RequestRefused("Too many sessions wait for a poll of this server; try again in a moment.");
    runtime.requests.push_back(request);
    // Somebody waits: not behind servers that are down.
    schedule_.hurry(known->second, now, core::Lane::proven);
}

void TenantRuntime::on_socket(bool readable, bool writable, Time now) {
    for (auto& job : prober_.on_socket(readable, writable, now))
        finish(std::move(job), now);
}

void TenantRuntime::on_time(Time now) {
    for (auto& job : prober_.on_time(now))
        finish(std::move(job), now);
    record_passed_cycles(now);
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

bool TenantRuntime::more_follow(Time until) const {
    if (!jobs_.empty()) return true;
    const auto next = schedule_.next_due(context_.places);
    return next && *next < until;
}

void TenantRuntime::flush(Time now, std::chrono::milliseconds limit) {
    samples_.flush(tenant_, now, limit, [this](Time until) { return more_follow(until); });
}

std::size_t TenantRuntime::end(std::chrono::milliseconds limit) {
    std::size_t given_up = lost_at_end_;
    for (const auto& [id, request] : std::exchange(checks_, {}))
        answer_request(request, false, collector_ends);
    for (const auto& [id, job] : std::exchange(jobs_, {})) {
        if (!job.due.probe && !job.place.ahead()) ++given_up;
        for (const auto& request : job.requests)
            answer_request(request, false, collector_ends);
    }
    context_.figures.samples_dropped += static_cast<std::int64_t>(given_up);
    return given_up + samples_.flush_last(tenant_, limit);
}

void TenantRuntime::maintain_if_due() {
    const Time now = Clock::now();
    // What cannot be read, since it is damaged or locked, is not maintained either.
    if (now < next_maintenance_ || now < read_not_before_) return;
    if (tenant_.owner_too_powerful || tenant_.version != VITALS_VERSION) return;
    next_maintenance_ = now + maintenance_interval;
    try {
        if (!maintain(tenant_)) next_maintenance_ = now;
        problems_.set(Problem::maintaining, "");
    } catch (const std::exception& error) {
        // Most often somebody reads for long what is to be dropped.
        next_maintenance_ = std::max(now + maintenance_retry, retry_of_failure(now));
        problems_.set(Problem::maintaining, std::string("could not keep partitions: ") + error.what());
    }
}

Time TenantRuntime::next_event(bool room, Time now) const {
    Time next = Time::max();
    const auto consider = [&](Time at) { next = std::min(next, at); };
    // Of one that does not run it is the end of a back-off, which stands there afterwards as well.
    if (const auto event = prober_.next_event(); event && (*event > now || prober_.interest()))
        consider(std::max(*event, now));
    if (!samples_.empty())
        consider(more_follow(samples_.batch_end()) ? samples_.flush_at() : std::max(now, samples_.not_before()));
    if (const auto passed = schedule_.next_passed()) consider(*passed);
    if (room && may_dispatch(now)) {
        if (const auto due = schedule_.next_due(context_.places)) consider(*due);
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
    figures.resident_bytes = source.resident_bytes;
    figures.last_exit_at = to_server_time(source.last_exit_at);
    const int length =
        pg_mbcliplen(source.last_exit.data(), static_cast<int>(source.last_exit.size()), sizeof(figures.last_exit) - 1);
    source.last_exit.copy(figures.last_exit, static_cast<std::size_t>(length));
    return figures;
}

}  // namespace vitals::ext
