#include "extension/storage.h"

#include <cstdlib>

#include "pg/query.h"

namespace vitals::ext {

namespace {

// All other tenants wait meanwhile; the largest batch takes a fraction of a second.
constexpr std::chrono::seconds time_limit{10};

}  // namespace

Stored store(const Tenant& tenant, const std::vector<core::PollRecord>& records) {
    pg::Transaction transaction("storing samples", tenant.role, time_limit);
    const std::string batch = core::encode_records(records);
    const auto rows = pg::query("SELECT stored, rejected, reason FROM vitals.store_polls($1::name, $2::jsonb)",
                                {tenant.schema, batch});
    transaction.commit();
    const auto& row = rows.at(0);
    return {.stored = std::atoi(row.at(0).value_or("0").c_str()),
            .rejected = std::atoi(row.at(1).value_or("0").c_str()),
            .reason = row.at(2).value_or("")};
}

void maintain(const Tenant& tenant) {
    pg::Transaction transaction("maintaining partitions", tenant.role, time_limit);
    pg::query("SELECT vitals.maintain_tenant($1::name)", {tenant.schema});
    transaction.commit();
}

}  // namespace vitals::ext
