// Main loop of the launcher. It reads pg_database, which is all that a process without a database can read; whether a
// database has the extension is found out by the collector that it starts there, once.
//
// It starts nothing on a hot standby, because the postmaster starts the launcher itself only when recovery is over. If
// the launcher ends, collectors go on; its successor takes over the slots (see adopt_slots).
#include "extension/launcher.h"

#include "extension/collector.h"
#include "extension/database_slots.h"
#include "extension/settings.h"
#include "extension/worker_process.h"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "tcop/tcopprot.h"
}

namespace vitals::ext {

namespace {

constexpr long longest_wait_ms = 60'000;

// What a launcher knows of the processes that it started; gone with it.
struct Child {
    BackgroundWorkerHandle* handle;  // nullptr: none
    CollectorStart start;
};

Child* children = nullptr;

bool is_eligible(const FormData_pg_database& database) {
    return database.datallowconn && !database.datistemplate && !pg::is_invalid_database(database);
}

// Reads the eligible databases into an array in the current memory context. The transaction ends here: an open one
// would hold back vacuum in the whole cluster.
DatabaseName* read_databases(int& count) {
    MemoryContext caller_context = CurrentMemoryContext;
    int capacity = 64;
    auto* databases = static_cast<DatabaseName*>(palloc(sizeof(DatabaseName) * capacity));
    count = 0;

    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    Relation relation = table_open(DatabaseRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 0, nullptr);
    HeapTuple tuple = nullptr;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        const auto* database = reinterpret_cast<const FormData_pg_database*>(GETSTRUCT(tuple));
        if (!is_eligible(*database)) continue;
        if (count == capacity) {
            capacity *= 2;
            databases = static_cast<DatabaseName*>(repalloc(databases, sizeof(DatabaseName) * capacity));
        }
        databases[count++] = DatabaseName{database->oid, database->datname};
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    CommitTransactionCommand();
    MemoryContextSwitchTo(caller_context);
    return databases;
}

void rescan_databases() {
    static bool reported = false;
    int count = 0;
    DatabaseName* databases = read_databases(count);
    const int without_slot = reconcile_slots(databases, count);
    pfree(databases);
    if (without_slot > 0 && !reported) {
        ereport(WARNING, (errmsg("pg_vitals cannot serve all databases"),
                          errdetail_plural("%d database is not looked at.", "%d databases are not looked at.",
                                           without_slot, without_slot),
                          errhint("Increase vitals.max_databases and restart the server.")));
    }
    reported = without_slot > 0;
}

// Notices the ends of processes. Until the postmaster has confirmed the end, the slot is busy: the old process may
// still be on its way out.
void reap_children() {
    for (int i = 0; i < setting_max_databases(); ++i) {
        Child& child = children[i];
        pid_t pid = 0;
        if (child.handle == nullptr || GetBackgroundWorkerPid(child.handle, &pid) != BGWH_STOPPED) continue;
        process_gone(child.start);
        pfree(child.handle);
        child.handle = nullptr;
    }
}

bool is_busy(int slot) {
    return children[slot].handle != nullptr;
}

void start_collectors() {
    static bool reported = false;
    CollectorStart start{};
    NameData name{};
    while (claim_start(is_busy, start, name)) {
        Child& child = children[start.slot];
        child.start = start;
        if (register_collector(start, NameStr(name), &child.handle)) continue;
        child.handle = nullptr;
        start_refused(start);
        if (!reported) {
            ereport(
                WARNING,
                (errmsg("no background worker is free for the collector of database \"%s\"", NameStr(name)),
                 errdetail("It is tried again; further databases are not reported until every one has its collector."),
                 errhint("Increase max_worker_processes and restart the server.")));
        }
        reported = true;
    }
    if (count_slots_without_worker() == 0) reported = false;
}

[[noreturn]] void run_launcher() {
    TimestampTz last_scan = 0;
    for (;;) {
        process_idle_interrupts();
        reap_children();
        const TimestampTz now = GetCurrentTimestamp();
        if (take_rescan_request() || now < last_scan || TimestampDifferenceExceeds(last_scan, now, longest_wait_ms)) {
            rescan_databases();
            last_scan = now;
        }
        start_collectors();
        pgstat_report_activity(STATE_IDLE, nullptr);
        wait_for_latch(milliseconds_to_next_start(longest_wait_ms));
    }
}

}  // namespace

void register_launcher() {
    BackgroundWorker worker{};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = 1;
    strlcpy(worker.bgw_library_name, "pg_vitals", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "vitals_launcher_main", sizeof(worker.bgw_function_name));
    strlcpy(worker.bgw_name, "pg_vitals launcher", sizeof(worker.bgw_name));
    strlcpy(worker.bgw_type, "pg_vitals launcher", sizeof(worker.bgw_type));
    RegisterBackgroundWorker(&worker);
}

}  // namespace vitals::ext

void vitals_launcher_main(Datum) {
    using namespace vitals::ext;
    set_up_signals(OnCancel::ignore);
    unblock_signals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    children = static_cast<Child*>(
        MemoryContextAllocZero(TopMemoryContext, sizeof(Child) * static_cast<Size>(setting_max_databases())));
    adopt_slots();
    run_launcher();
}
