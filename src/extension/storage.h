// What a collector changes in a tenant's schema: in transactions of their own, with the tenant's rights.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "core/poll_record.h"
#include "extension/fleet.h"

namespace vitals::ext {

struct Stored {
    int stored = 0;      // rows of server_snapshots
    int rejected = 0;    // polls that the tables refused
    std::string reason;  // of the last rejection
};

// All other tenants wait meanwhile; the largest batch takes a fraction of a second.
constexpr std::chrono::seconds storing_limit{10};

// Throws pg::ServerError if nothing could be stored: the schema is damaged, or locked for too long. An asked for end of
// the process waits for it. known: of this tenant; what is stored is added.
Stored store(const Tenant& tenant, const std::vector<const core::PollRecord*>& records, core::KnownSets& known,
             std::chrono::milliseconds limit);

// Brings the tenant's relations to this module's version, with the tenant's rights. Throws pg::ServerError.
void upgrade(Tenant& tenant);

// Partitions ahead, none of what is past retention, bounded history; each change of a partition in a transaction of its
// own. False: there is more to do, which another call goes on with. Throws pg::ServerError.
bool maintain(const Tenant& tenant);

// What vitals.tenants shows as the tenant's problem; empty: none. Throws pg::ServerError.
void note_problem(int tenant_key, const std::string& problem);
// Whether there is still such a tenant. Throws pg::ServerError.
bool is_registered(int tenant_key);
// None of any tenant: of what an earlier collector met, nothing is known. Throws pg::ServerError.
void forget_problems();

}  // namespace vitals::ext
