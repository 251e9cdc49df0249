#include "extension/storage.h"

#include <cstdlib>
#include <stdexcept>

#include "extension/worker_process.h"
#include "pg/query.h"

namespace vitals::ext {

namespace {

// All other tenants wait meanwhile.
constexpr std::chrono::seconds time_limit{10};
// Once per version; a change that takes longer is left to whoever calls vitals.upgrade_tenant.
constexpr std::chrono::seconds upgrade_time_limit{60};
// The others get their turn; the rest follows in the next.
constexpr int most_steps = 8;
constexpr int most_prunings = 4;

void prune(const Tenant& tenant) {
    for (int step = 0; step < most_prunings; ++step) {
        pg::Transaction transaction("removing sets of series", tenant.role, time_limit);
        const auto rows = pg::query("SELECT 1 WHERE vitals.prune_sets($1::name)", {tenant.schema});
        transaction.commit();
        if (rows.empty()) return;
    }
}

}  // namespace

Stored store(const Tenant& tenant, const std::vector<const core::PollRecord*>& records, core::KnownSets& known,
             std::chrono::milliseconds limit) {
    const KeptStatement kept;
    pg::Transaction transaction("storing samples", tenant.role, limit);
    const auto try_to_store = [&] {
        return pg::query(
            "SELECT stored, rejected, reason, known FROM vitals.store_polls($1::name, $2::jsonb, $3::boolean)",
            {tenant.schema, core::encode_records(records, known), tenant.notify ? "true" : "false"});
    };
    auto rows = try_to_store();
    if (!rows.at(0).at(0)) {
        // The tenant's metric types have changed, or others needed the room: likely all are forgotten.
        known.clear();
        rows = try_to_store();
        if (!rows.at(0).at(0)) throw std::runtime_error("storage asks for names that it was sent");
    }
    transaction.commit();
    const auto& row = rows.at(0);
    known.add(row.at(3).value_or(""));
    return {.stored = std::atoi(row.at(0).value_or("0").c_str()),
            .rejected = std::atoi(row.at(1).value_or("0").c_str()),
            .reason = row.at(2).value_or("")};
}

void upgrade(Tenant& tenant) {
    pg::Transaction transaction("upgrading a tenant", 0, upgrade_time_limit);
    pg::query("SELECT vitals.upgrade_tenant($1)", {tenant.name});
    transaction.commit();
    tenant.version = VITALS_VERSION;
}

bool maintain(const Tenant& tenant) {
    const auto schema = tenant.schema;
    for (int step = 0; step < most_steps; ++step) {
        pg::Transaction transaction("maintaining partitions", tenant.role, time_limit);
        const bool done = !pg::query("SELECT vitals.partition_step($1::name)", {schema}).at(0).at(0);
        transaction.commit();
        if (!done) continue;
        pg::Transaction cleaning("removing what belongs to nothing", tenant.role, time_limit);
        pg::query("SELECT vitals.maintain_tenant($1::name)", {schema});
        cleaning.commit();
        prune(tenant);
        return true;
    }
    return false;
}

void note_problem(int tenant_key, const std::string& problem) {
    pg::Transaction transaction("noting a problem");
    pg::query("SELECT vitals.note_problem($1::integer, $2)", {std::to_string(tenant_key), problem});
    transaction.commit();
}

bool is_registered(int tenant_key) {
    pg::Transaction transaction("looking for a tenant");
    const auto rows =
        pg::query("SELECT FROM vitals.tenant_registry WHERE tenant_key = $1::integer", {std::to_string(tenant_key)});
    transaction.commit();
    return !rows.empty();
}

void forget_problems() {
    pg::Transaction transaction("noting a problem");
    pg::query("SELECT vitals.note_problem(NULL, NULL)");
    transaction.commit();
}

}  // namespace vitals::ext
