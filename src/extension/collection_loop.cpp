#include "extension/collection_loop.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

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

constexpr auto least_reload_gap = 100ms;
constexpr auto most_reload_gap = 500ms;

class CollectionLoop {
  public:
    CollectionLoop() : keys_(setting_key_file()), context_{keys_, figures_} { publish_figures(figures_); }
    ~CollectionLoop() { withdraw_report(); }
    CollectionLoop(const CollectionLoop&) = delete;
    CollectionLoop& operator=(const CollectionLoop&) = delete;

    // Whether vitals.enable() is needed: nothing can be collected.
    [[nodiscard]] bool paused() const noexcept { return paused_; }

    void turn() {
        reload_if_due();
        if (paused_) return;
        serve_requests();
        dispatch();
        for (auto& [key, tenant] : tenants_)
            tenant->flush(Clock::now());
        publish();
        wait();
    }

  private:
    void reload_if_due();
    void reload(Time now);
    [[nodiscard]] std::optional<std::vector<Tenant>> read_tenants();
    void serve_requests();
    void dispatch();
    void publish();
    void wait();
    void note_sandbox(TenantRuntime& tenant);
    [[nodiscard]] std::size_t in_flight() const;
    [[nodiscard]] std::chrono::milliseconds time_to_wait(Time now) const;

    SecretKeys keys_;
    CollectorFigures figures_;
    CollectorContext context_;
    std::map<int, std::unique_ptr<TenantRuntime>> tenants_;
    std::uint64_t generation_ = 0;
    Time next_reload_{};
    Time earliest_reload_{};
    bool paused_ = false;
    std::string read_problem_;  // empty: the tenants could be read
    int served_last_ = 0;       // the tenant that was given its turn first last time
    std::set<std::string> noted_;
};

void CollectionLoop::reload_if_due() {
    const Time now = Clock::now();
    const bool changed = configuration_generation() != generation_;
    if (changed) next_reload_ = std::min(next_reload_, earliest_reload_);
    if (now < next_reload_) return;
    reload(now);
    // However fast somebody commits changes, the rest of the work gets its turn. A tenant that is slow to read has a
    // longer wait of its own (retry_of_failure).
    const Time read = Clock::now();
    earliest_reload_ = read + std::clamp<Clock::duration>((read - now) * 4, least_reload_gap, most_reload_gap);
}

void CollectionLoop::reload(Time now) {
    // Remembered before reading, so that a change during it is read next time.
    generation_ = configuration_generation();
    next_reload_ = now + setting_reload_interval();
    pg::call([] {
        SetConfigOption("lock_timeout", lock_timeout, PGC_SUSET, PGC_S_OVERRIDE);
        SetConfigOption("synchronous_commit", setting_synchronous_commit() ? "on" : "off", PGC_SUSET, PGC_S_OVERRIDE);
    });

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
        runtime->reload(std::move(tenant), now);
        runtime->maintain_if_due();
    }
    std::erase_if(tenants_, [&](const auto& entry) { return !active.contains(entry.first); });
}

void CollectionLoop::serve_requests() {
    while (const auto request = take_request()) {
        auto tenant = tenants_.find(request->tenant_key);
        if (tenant == tenants_.end() && configuration_generation() != generation_) {
            // It was just made, by whoever now tests its first server.
            reload(Clock::now());
            tenant = tenants_.find(request->tenant_key);
        }
        if (tenant == tenants_.end()) {
            answer_request(*request, false, "The collector does not see the tenant, or it is suspended.");
        } else {
            tenant->second->serve(*request, Clock::now());
        }
    }
}

std::size_t CollectionLoop::in_flight() const {
    std::size_t sum = 0;
    for (const auto& [key, tenant] : tenants_)
        sum += tenant->in_flight();
    return sum;
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
    if (problem != read_problem_) {
        pg::write_log(pg::LogLevel::warning, problem, {}, "Collection goes on with what was read before.");
        publish_error(problem);
        read_problem_ = problem;
    }
    return std::nullopt;
}

// One poll per tenant and round, beginning behind the one that began last: a large tenant cannot starve a small one.
void CollectionLoop::dispatch() {
    const auto most = static_cast<std::size_t>(setting_concurrency());
    std::size_t room = most - std::min(in_flight(), most);
    const Time now = Clock::now();
    bool progress = true;
    while (room > 0 && progress) {
        progress = false;
        auto next = tenants_.upper_bound(served_last_);
        for (std::size_t i = 0; i < tenants_.size() && room > 0; ++i, ++next) {
            if (next == tenants_.end()) next = tenants_.begin();
            const auto started = next->second->dispatch(1, now);
            if (started == 0) continue;
            served_last_ = next->first;
            room -= started;
            progress = true;
        }
    }
}

void CollectionLoop::note_sandbox(TenantRuntime& tenant) {
    for (const auto& missing : tenant.prober().take_sandbox_missing()) {
        if (!noted_.insert(missing).second) continue;
        pg::write_log(pg::LogLevel::log, "probers run without " + missing + ", which this kernel does not offer");
    }
}

void CollectionLoop::publish() {
    const Time now = Clock::now();
    figures_.tenants = static_cast<int>(tenants_.size());
    figures_.in_flight = static_cast<int>(in_flight());
    figures_.targets = 0;
    figures_.overdue = 0;
    std::vector<ProberFigures> probers;
    for (const auto& [key, tenant] : tenants_) {
        figures_.targets += static_cast<int>(tenant->enabled());
        figures_.overdue += static_cast<int>(tenant->overdue(now));
        const auto prober = tenant->prober_figures();
        if (prober.started_at != 0 || prober.last_exit_at != 0) probers.push_back(prober);
    }
    publish_figures(figures_);
    if (publish_probers(probers) > 0 && noted_.insert("max_probers").second) {
        pg::write_log(pg::LogLevel::log, "vitals.probers does not show all probers", {}, "Raise vitals.max_probers.");
    }
}

std::chrono::milliseconds CollectionLoop::time_to_wait(Time now) const {
    const bool room = in_flight() < static_cast<std::size_t>(setting_concurrency());
    Time next = next_reload_;
    for (const auto& [key, tenant] : tenants_)
        next = std::min(next, tenant->next_event(room, now));
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(next - now), 0ms);
}

void CollectionLoop::wait() {
    std::vector<pg::SocketInterest> interests;
    std::vector<TenantRuntime*> owners;
    for (const auto& [key, tenant] : tenants_) {
        if (tenant->prober().fd() < 0) continue;
        interests.push_back({tenant->prober().fd(), tenant->prober().wants_to_write()});
        owners.push_back(tenant.get());
    }
    pg::set_reserved_descriptors(interests.size());
    const auto ready = pg::wait_for(interests, time_to_wait(Clock::now()));
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
    CollectionLoop loop;
    try {
        forget_problems();
        while (!loop.paused() && !collection_must_return())
            loop.turn();
    } catch (const pg::ServerError&) {
        // DROP EXTENSION may commit between the look at the extension and the use of its tables: not a failure.
        if (!extension_has_changed()) throw;
    }
}

}  // namespace vitals::ext
