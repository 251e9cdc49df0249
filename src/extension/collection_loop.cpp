#include "extension/collection_loop.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/fair_share.h"
#include "core/look_ahead.h"
#include "core/pace.h"
#include "extension/collector.h"
#include "extension/collector_report.h"
#include "extension/installation.h"
#include "extension/requests.h"
#include "extension/secret_keys.h"
#include "extension/settings.h"
#include "extension/storage.h"
#include "extension/tenant_runtime.h"
#include "extension/worker_process.h"
#include "pg/boundary.h"
#include "pg/descriptors.h"
#include "pg/log.h"
#include "pg/pg.h"
#include "pg/wait_set.h"

namespace vitals::ext {

namespace {

using namespace std::chrono_literals;

// Long enough for any statement of ours to get past a user's; short enough that a forgotten transaction of a tenant's
// cannot hold up the others.
constexpr const char* lock_timeout = "2s";
constexpr auto read_retry = 5s;

constexpr auto least_publish_gap = 50ms;
// The memory of hundreds of probers is not worth more.
constexpr auto memory_gap = 5s;
constexpr auto overdue_after = 1s;
// Of all tenants together; also where the grace time is zero, or all of it was used.
constexpr auto least_last_storing = 500ms;
// However many sessions ask, polls have their turn in between.
constexpr int most_requests_a_turn = 4;

// A request brings the next reading of the tenants forward by this much: more only somebody has who changes things all
// the time.
constexpr auto most_impatience = 1s;

constexpr auto definitions_gap = 500ms;

// What one tenant may take for storing, of the time until the given end.
std::chrono::milliseconds storing_limit_until(Time end, Time now) {
    return std::clamp<std::chrono::milliseconds>(std::chrono::floor<std::chrono::milliseconds>(end - now), 0ms,
                                                 storing_limit);
}

class CollectionLoop {
  public:
    CollectionLoop()
        : keys_(setting_key_file()),
          context_{.keys = keys_,
                   .figures = figures_,
                   .places = core::Places::of(static_cast<std::size_t>(setting_concurrency())),
                   .lags = core::LagWindow(),
                   .builtin = std::make_shared<const Definitions>(),
                   .probers = {}} {
        publish_figures(figures_);
    }
    ~CollectionLoop() { withdraw_report(); }
    CollectionLoop(const CollectionLoop&) = delete;
    CollectionLoop& operator=(const CollectionLoop&) = delete;

    // Whether vitals.enable() is needed: nothing can be collected.
    [[nodiscard]] bool paused() const noexcept { return paused_; }

    void turn() {
        reload_if_due();
        if (paused_) return;
        read_passed_over();
        serve_requests();
        const Time now = Clock::now();
        dispatch(now);
        dispatch_ahead(now);
        store_and_wait();
    }

    // Starts nothing new; what is in flight may end within the grace time. Everything that was read is stored.
    void end();

  private:
    void store_and_wait();
    void reload_if_due();
    void reload(Time now);
    void read_everything(Time now);
    void read_passed_over();
    [[nodiscard]] bool definitions_wanted() const { return definitions_of_ != generation_; }
    // Whether they are others now.
    bool read_definitions(Time now);
    void note_definitions_problem(const std::string& problem, const char* hint);
    [[nodiscard]] std::optional<std::vector<Tenant>> read_tenants();
    void serve_requests();
    void dispatch(Time now);
    void dispatch_ahead(Time now);
    void withdraw(Time now);
    void store();
    void publish();
    void wait();
    void note_sandbox(TenantRuntime& tenant);
    // How many places a tenant may have.
    [[nodiscard]] std::size_t most_of_one() const;
    [[nodiscard]] std::chrono::milliseconds time_to_wait(Time now) const;

    SecretKeys keys_;
    CollectorFigures figures_;
    CollectorContext context_;
    std::map<int, std::unique_ptr<TenantRuntime>> tenants_;
    std::uint64_t generation_ = 0;
    bool changed_ = false;  // since the tenants could be read last
    Time next_reload_{};
    core::Pace reload_pace_;
    Time earliest_reload_{};
    bool paused_ = false;
    std::string read_problem_;  // empty: the tenants could be read
    core::FairShare share_;
    core::LookAhead look_ahead_;
    pg::WaitSet waits_;
    Time publish_not_before_{};
    Time heard_until_ = Clock::now();  // its probers
    bool published_ = false;
    Time next_memory_{};
    bool more_requests_ = false;
    std::optional<Time> end_at_;
    std::optional<std::uint64_t> definitions_of_;  // the generation of the configuration that they were read in
    Time next_definitions_{};
    std::string definitions_problem_;
    std::set<std::string> noted_;
};

void CollectionLoop::reload_if_due() {
    const Time now = Clock::now();
    const bool changed = configuration_generation() != generation_;
    if (changed) next_reload_ = std::min(next_reload_, earliest_reload_);
    if (now >= next_reload_) {
        reload(now);
    } else if (definitions_wanted() && now >= next_definitions_ && read_definitions(now)) {
        changed_ = true;
        next_reload_ = std::min(next_reload_, earliest_reload_);
        if (now >= next_reload_) reload(now);
    }
}

// However fast somebody commits changes, the rest of the work gets its turn. A tenant that is slow to read has a longer
// wait of its own (retry_of_failure).
void CollectionLoop::reload(Time now) {
    read_everything(now);
    earliest_reload_ = reload_pace_.done(now, Clock::now());
}

void CollectionLoop::read_everything(Time now) {
    // Remembered before reading, so that a change during it is read next time.
    const auto read_before = std::exchange(generation_, configuration_generation());
    changed_ = changed_ || generation_ != read_before;
    next_reload_ = now + setting_reload_interval();
    pg::call([] {
        SetConfigOption("lock_timeout", lock_timeout, PGC_SUSET, PGC_S_OVERRIDE);
        SetConfigOption("synchronous_commit", setting_synchronous_commit() ? "on" : "off", PGC_SUSET, PGC_S_OVERRIDE);
    });

    // Each tenant makes its own of them.
    if (definitions_wanted() && now >= next_definitions_) changed_ = read_definitions(now) || changed_;
    auto tenants = read_tenants();
    if (!tenants) {
        next_reload_ = now + std::min<Clock::duration>(read_retry, setting_reload_interval());
        return;
    }
    std::set<int> active;
    for (auto& tenant : *tenants) {
        active.insert(tenant.key);
        auto& runtime = tenants_[tenant.key];
        if (!runtime) runtime = std::make_unique<TenantRuntime>(tenant, context_);
        runtime->reload(std::move(tenant), changed_, now);
        runtime->maintain_if_due();
    }
    changed_ = false;
    std::erase_if(tenants_, [&](const auto& entry) {
        if (active.contains(entry.first)) return false;
        share_.forget(entry.first);
        return true;
    });
}

// A change of a tenant that had to wait when the others were read is seen once its wait is over. Among all that is
// read, so that many such tenants leave the rest its time.
void CollectionLoop::read_passed_over() {
    for (const auto& [key, tenant] : tenants_) {
        const Time now = Clock::now();
        if (now < earliest_reload_) return;
        const auto wanted_at = tenant->read_wanted_at();
        if (!wanted_at || now < *wanted_at) continue;
        tenant->read(now);
        earliest_reload_ = reload_pace_.done(now, Clock::now());
    }
}

// They change with the extension, and with the waits that somebody classifies: less often than tenants' configurations.
bool CollectionLoop::read_definitions(Time now) {
    const auto before = definitions_of_;
    bool others = false;
    definitions_of_ = generation_;
    next_definitions_ = now + definitions_gap;
    try {
        std::string left_out;
        auto definitions = load_builtin_definitions(left_out);
        // The same lines for the same groups.
        others = definitions->lines != context_.builtin->lines;
        if (others) context_.builtin = std::move(definitions);
        note_definitions_problem(left_out, "The other groups are collected.");
    } catch (const std::exception& error) {
        if (extension_has_changed()) throw;
        definitions_of_ = before;
        next_definitions_ = now + std::min<Clock::duration>(read_retry, setting_reload_interval());
        if (end_requested()) return false;
        note_definitions_problem(std::string("could not read the definitions of metric groups: ") + error.what(),
                                 "Collection goes on with those that were read before.");
    }
    return others;
}

// Once per change.
void CollectionLoop::note_definitions_problem(const std::string& problem, const char* hint) {
    if (problem == definitions_problem_) return;
    definitions_problem_ = problem;
    if (problem.empty()) {
        pg::write_log(pg::LogLevel::log, "definitions of metric groups are in order again");
        return;
    }
    pg::write_log(pg::LogLevel::warning, problem, {}, hint);
    publish_error(problem);
}

void CollectionLoop::serve_requests() {
    more_requests_ = false;
    for (int served = 0; const auto request = take_request(); ++served) {
        auto tenant = tenants_.find(request->tenant_key);
        const Time now = Clock::now();
        const bool may_reload = earliest_reload_ <= now + most_impatience;
        if (tenant == tenants_.end() && may_reload && configuration_generation() != generation_) {
            // It was just made, by whoever now tests its first server.
            reload(now);
            tenant = tenants_.find(request->tenant_key);
        }
        if (tenant == tenants_.end()) {
            answer_request(*request, false, "The collector does not see the tenant, or it is suspended.");
        } else {
            tenant->second->serve(*request, Clock::now());
        }
        more_requests_ = served + 1 == most_requests_a_turn;
        if (more_requests_) break;
    }
}

std::size_t CollectionLoop::most_of_one() const {
    const auto with_targets =
        std::ranges::count_if(tenants_, [](const auto& entry) { return entry.second->schedule().size() > 0; });
    return core::FairShare::most_of_one(context_.places.all(), static_cast<std::size_t>(with_targets));
}

// Nothing if they could not be read: a lock that somebody holds or a cancelled statement is no reason to end, and what
// was read last stays valid.
std::optional<std::vector<Tenant>> CollectionLoop::read_tenants() {
    std::string problem;
    try {
        auto tenants = load_tenants();
        paused_ = tenants.empty() && !pause_reason().empty();
        if (!read_problem_.empty()) pg::write_log(pg::LogLevel::log, "tenants can be read again");
        read_problem_.clear();
        return tenants;
    } catch (const pg::ServerError& error) {
        // Dropped with the extension: the end of the collection.
        if (extension_has_changed()) throw;
        problem = std::string("could not read the tenants: ") + error.what();
    }
    if (problem != read_problem_ && !end_requested()) {
        pg::write_log(pg::LogLevel::warning, problem, {}, "Collection goes on with what was read before.");
        publish_error(problem);
        read_problem_ = problem;
    }
    return std::nullopt;
}

void CollectionLoop::dispatch(Time now) {
    context_.places.resize(static_cast<std::size_t>(setting_concurrency()));
    const std::size_t most = most_of_one();
    std::vector<core::FairShare::Candidate> candidates;
    for (const auto& [key, tenant] : tenants_) {
        const auto due = tenant->schedule().next_due(context_.places);
        if (due && *due <= now) candidates.push_back({key, tenant->in_flight()});
    }
    share_.begin(candidates);
    while (const auto key = share_.next()) {
        TenantRuntime& tenant = *tenants_.at(*key);
        if (tenant.in_flight() < most && tenant.dispatch(now)) {
            share_.started();
        } else {
            share_.nothing_left();
        }
    }
}

// They begin in the places of the tenant's own. So only one that could have no more gets some, and only while no other
// one waits for a place.
void CollectionLoop::dispatch_ahead(Time now) {
    // There may be fewer places than there were.
    if (context_.places.ahead() > 0 && context_.places.taken() > context_.places.all()) withdraw(now);
    if (context_.places.ahead() >= look_ahead_.polls()) return;
    TenantRuntime* alone = nullptr;
    for (const auto& [key, tenant] : tenants_) {
        if (!tenant->waits(now)) continue;
        if (alone != nullptr) return;
        alone = tenant.get();
    }
    const std::size_t most = most_of_one();
    if (alone == nullptr || alone->in_flight() < most) return;
    if (alone->in_flight() > most) {
        alone->withdraw(now);
        return;
    }
    while (context_.places.ahead() < look_ahead_.polls() && alone->dispatch_ahead(now)) {
    }
}

void CollectionLoop::withdraw(Time now) {
    for (const auto& [key, tenant] : tenants_)
        tenant->withdraw(now);
}

void CollectionLoop::note_sandbox(TenantRuntime& tenant) {
    for (const auto& missing : tenant.prober().take_sandbox_missing()) {
        if (!noted_.insert(missing).second) continue;
        pg::write_log(pg::LogLevel::log, "probers run without " + missing + ", which this kernel does not offer");
    }
}

// Not after each of hundreds of polls a second.
void CollectionLoop::publish() {
    const Time now = Clock::now();
    published_ = now >= publish_not_before_;
    if (!published_) return;
    publish_not_before_ = now + least_publish_gap;
    const bool with_memory = now >= next_memory_;
    if (with_memory) next_memory_ = now + memory_gap;

    figures_.tenants = static_cast<int>(tenants_.size());
    figures_.in_flight = static_cast<int>(context_.places.taken());
    figures_.targets = figures_.down = figures_.due = figures_.overdue = 0;
    const auto lags = context_.lags.quantiles(now);
    figures_.lag_p50_ms = lags ? lags->p50_ms : -1;
    figures_.lag_p99_ms = lags ? lags->p99_ms : -1;
    std::vector<ProberFigures> probers;
    context_.probers.clear();
    for (const auto& [key, tenant] : tenants_) {
        const auto& schedule = tenant->schedule();
        figures_.targets += static_cast<int>(schedule.size());
        figures_.down += static_cast<int>(schedule.down());
        figures_.due += static_cast<int>(schedule.waiting(now, 0ms) + tenant->waiting_ahead(now, 0ms));
        figures_.overdue +=
            static_cast<int>(schedule.waiting(now, overdue_after) + tenant->waiting_ahead(now, overdue_after));
        if (with_memory) tenant->prober().measure_memory();
        const auto prober = tenant->prober_figures();
        if (prober.started_at == 0 && prober.last_exit_at == 0) continue;
        probers.push_back(prober);
        context_.probers.push_back({tenant->tenant().name, prober});
    }
    publish_figures(figures_);
    if (publish_probers(probers) > 0 && noted_.insert("max_probers").second) {
        pg::write_log(pg::LogLevel::log, "vitals.probers does not show all probers", {}, "Raise vitals.max_probers.");
    }
}

std::chrono::milliseconds CollectionLoop::time_to_wait(Time now) const {
    // Whoever asked for the end has set the latch, which a wait for a lock may have reset since.
    if (!end_at_ && end_requested()) return 0ms;
    Time next = end_at_ ? *end_at_ : next_reload_;
    if (!end_at_ && definitions_wanted()) next = std::min(next, next_definitions_);
    if (!published_) next = std::min(next, publish_not_before_);
    if (more_requests_) next = now;
    const std::size_t most = end_at_ ? 0 : most_of_one();
    for (const auto& [key, tenant] : tenants_) {
        next = std::min(next, tenant->next_event(tenant->in_flight() < most, now));
        const auto read_at = end_at_ ? std::nullopt : tenant->read_wanted_at();
        if (read_at) next = std::min(next, std::max(*read_at, earliest_reload_));
    }
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(next - now), 0ms);
}

void CollectionLoop::store() {
    const Time began = Clock::now();
    for (auto& [key, tenant] : tenants_) {
        const Time now = Clock::now();
        const auto limit = storing_limit_until(end_at_.value_or(Time::max()), now);
        if (limit > 0ms) tenant->flush(now, limit);
    }
    look_ahead_.away(began, Clock::now(), figures_.polls);
}

void CollectionLoop::store_and_wait() {
    store();
    publish();
    wait();
}

void CollectionLoop::end() {
    end_at_ = Clock::now() + setting_shutdown_grace();
    withdraw(Clock::now());
    while (context_.places.taken() > 0 && Clock::now() < *end_at_)
        store_and_wait();
    std::size_t lost = 0;
    const Time stored_by = std::max(*end_at_, Clock::now() + least_last_storing);
    for (auto& [key, tenant] : tenants_)
        lost += tenant->end(storing_limit_until(stored_by, Clock::now()));
    if (lost == 0) return;
    pg::write_log(pg::LogLevel::log, "the collector ends and loses " + std::to_string(lost) + " samples",
                  "Polls did not end within vitals.shutdown_grace, or could not be stored.");
}

void CollectionLoop::wait() {
    std::vector<pg::SocketInterest> interests;
    std::vector<TenantRuntime*> owners;
    for (const auto& [key, tenant] : tenants_) {
        const auto interest = tenant->prober().interest();
        if (!interest) continue;
        interests.push_back(*interest);
        owners.push_back(tenant.get());
    }
    pg::set_reserved_descriptors(interests.size());
    const Time now = Clock::now();
    for (const auto& [key, tenant] : tenants_)
        tenant->prober().was_not_heard(now - heard_until_);
    const auto ready = waits_.wait(interests, time_to_wait(now));
    heard_until_ = Clock::now();
    // Also the reload interval itself may have changed.
    if (pg::call([] { return process_idle_interrupts(); })) next_reload_ = Time{};
    for (const auto& socket : ready) {
        owners[socket.index]->on_socket(socket.readable, socket.writable, Clock::now());
        note_sandbox(*owners[socket.index]);
    }
    for (const auto& [key, tenant] : tenants_)
        tenant->on_time(Clock::now());
}

}  // namespace

void run_collection() {
    const EndOnRequest by_request(collector_must_make_room);
    CollectionLoop loop;
    try {
        forget_problems();
        while (!loop.paused() && !end_requested() && !collection_must_return())
            loop.turn();
        if (end_requested()) loop.end();
    } catch (const pg::ServerError&) {
        // DROP EXTENSION may commit between the look at the extension and the use of its tables: not a failure.
        if (!extension_has_changed()) throw;
    }
}

}  // namespace vitals::ext
