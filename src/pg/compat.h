// Differences between the server's major versions (14 to 18), so that no other file asks for PG_VERSION_NUM.
#pragma once

#include "pg/pg.h"

extern "C" {
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "utils/acl.h"
#include "utils/guc_tables.h"
#include "utils/syscache.h"
}

namespace vitals::pg {

#if PG_VERSION_NUM >= 150000

// Arranges for hook to be called when the postmaster sums up its shared memory; previous gets the hook to be called
// first, or nullptr.
inline void set_shared_memory_request(shmem_request_hook_type hook, shmem_request_hook_type& previous) {
    previous = shmem_request_hook;
    shmem_request_hook = hook;
}

// Makes settings "prefix.…" that nobody defined an error.
inline void reserve_setting_prefix(const char* prefix) {
    MarkGUCPrefixReserved(prefix);
}

#else

using shmem_request_hook_type = void (*)();

inline void set_shared_memory_request(shmem_request_hook_type hook, shmem_request_hook_type& previous) {
    previous = nullptr;
    hook();
}

inline void reserve_setting_prefix(const char* prefix) {
    EmitWarningsOnPlaceholders(prefix);
}

#endif

// Whether role owns the database, or may act as if it did. Nobody owns one that was just dropped, of which the server's
// own function makes an error.
inline bool owns_database(Oid database, Oid role) {
    if (!SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(database))) return false;
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(DatabaseRelationId, database, role);
#else
    return pg_database_ownercheck(database, role);
#endif
}

// Whether role may see what is going on in all of the database, whoever in it is concerned.
inline bool oversees_database(Oid database, Oid role) {
    return owns_database(database, role) || has_privs_of_role(role, ROLE_PG_MONITOR);
}

// Whether an interrupted DROP DATABASE left the database behind: nobody can connect to it any more.
inline bool is_invalid_database([[maybe_unused]] const FormData_pg_database& database) {
#ifdef DATCONNLIMIT_INVALID_DB
    return database.datconnlimit == DATCONNLIMIT_INVALID_DB;
#else
    return false;
#endif
}

// From version 17 on transaction_timeout ends the process that is too slow, not its statement: a tenant's slow trigger
// would end everybody's collection, and could set the timeout itself. Our transactions have a limit of their own.
inline void lift_transaction_timeout() {
#if PG_VERSION_NUM >= 170000
    SetConfigOption("transaction_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
    // In this process alone.
    if (config_generic* option = find_option("transaction_timeout", false, true, LOG)) option->context = PGC_SUSET;
#endif
}

}  // namespace vitals::pg
