// The tenants and targets of this database as the collector sees them: read from the tables, held as values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/target_status.h"
#include "core/wire.h"
#include "extension/secret_keys.h"
#include "pg/transaction.h"

namespace vitals::ext {

struct Tenant {
    int key = 0;
    std::string id;  // uuid
    std::string name;
    std::string schema;
    pg::RoleId role = 0;
    std::string version;                    // of its relations
    bool owner_too_powerful = false;        // a superuser: nothing of it is touched
    std::set<std::string> trusted_servers;  // "uuid/connector" that only a superuser may add
    bool notify = false;                    // each collection is announced; as of load_targets()
    std::string allowed_targets;            // empty: as the setting says
};

// One server of a tenant.
struct Target {
    std::string server_id;  // uuid
    std::string name;
    std::string connector;
    bool needs_trust = false;
    std::string host;
    std::uint16_t port = 0;
    std::string username;
    std::string credential_id;
    std::string sealed_password;  // empty where there is none
    core::Options options;
    std::vector<std::string> metrics;  // empty means all
    std::chrono::seconds interval{60};
    bool enabled = false;
    core::TargetHealth stored_health;  // as the tables have it: where a new collector goes on
    std::optional<core::Failure> stored_failure;

    // Whether a poll of the other would go elsewhere or log in differently.
    [[nodiscard]] bool connects_like(const Target& other) const;
};

// The active tenants; none while the database is paused. Throws pg::ServerError.
std::vector<Tenant> load_tenants();

// All servers of a tenant, or the one with the id, with the tenant's own rights. Throws pg::ServerError: the owner may
// have damaged the schema.
std::vector<Target> load_targets(Tenant& tenant);
std::optional<Target> load_target(const Tenant& tenant, std::string_view server_id);

// The job that polls or checks the target, without its password. Throws std::runtime_error if there is none.
core::Job make_job(const Target& target, core::JobKind kind, std::uint64_t id, std::chrono::milliseconds deadline);
// Nothing where there is none. Throws std::runtime_error if it was given for something else.
core::Secret open_password(const Tenant& tenant, const Target& target, const SecretKeys& keys);

}  // namespace vitals::ext
