// Reserves, creates and finds the shared areas. A new area is one row in the table below and one name in SharedArea.
#include "extension/shared_memory.h"

#include <iterator>

#include "extension/collector_report.h"
#include "extension/database_slots.h"
#include "extension/requests.h"
#include "extension/secret_keys.h"

extern "C" {
#include "access/xlog.h"
}

namespace vitals::ext {

namespace {

struct AreaDefinition {
    SharedArea area;
    const char* name;
    Size (*size)();
    void (*init)(void* memory, bool found);
};

constexpr AreaDefinition areas[] = {
    {SharedArea::database_slots, "pg_vitals database slots", database_slots_size, database_slots_init},
    {SharedArea::collector_report, "pg_vitals collector report", collector_report_size, collector_report_init},
    {SharedArea::requests, "pg_vitals requests", requests_size, requests_init},
    {SharedArea::secret_keys, "pg_vitals secret keys", secret_keys_size, secret_keys_init},
};

constexpr const char* tranche_name = "pg_vitals";

shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;
LWLockPadded* locks = nullptr;

void on_request() {
    if (previous_request_hook != nullptr) previous_request_hook();
    for (const AreaDefinition& area : areas)
        RequestAddinShmemSpace(MAXALIGN(area.size()));
    RequestNamedLWLockTranche(tranche_name, static_cast<int>(std::size(areas)));
}

void on_startup() {
    if (previous_startup_hook != nullptr) previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    locks = GetNamedLWLockTranche(tranche_name);
    for (const AreaDefinition& area : areas) {
        bool found = false;
        void* memory = ShmemInitStruct(area.name, area.size(), &found);
        area.init(memory, found);
    }
    LWLockRelease(AddinShmemInitLock);
}

}  // namespace

void request_shared_memory() {
    pg::set_shared_memory_request(on_request, previous_request_hook);
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = on_startup;
}

bool shared_memory_available() {
    return locks != nullptr;
}

void require_shared_memory() {
    if (shared_memory_available()) return;
    ereport(ERROR, (errcode(MAKE_SQLSTATE('P', 'T', '5', '0', '3')), errmsg("pg_vitals was not loaded at server start"),
                    errdetail("Without it no collector runs in this server."),
                    errhint("Add pg_vitals to shared_preload_libraries and restart the server.")));
}

void require_collector_possible() {
    require_shared_memory();
    if (!RecoveryInProgress()) return;
    ereport(ERROR, (errcode(MAKE_SQLSTATE('P', 'T', '5', '0', '3')), errmsg("no collector runs on a hot standby"),
                    errhint("Connect to the primary; after promotion it starts by itself.")));
}

LWLock* shared_lock(SharedArea area) {
    return &locks[static_cast<int>(area)].lock;
}

}  // namespace vitals::ext
