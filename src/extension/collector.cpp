// Start, checks and end of a collector's process.
//
// Exit code 0 means "not wanted here" and 1 "start me again"; either way the postmaster forgets the process, and the
// launcher decides by what leave_slot left behind.
#include "extension/collector.h"

#include <malloc.h>

#include <cstring>
#include <string>

#include "extension/collection_loop.h"
#include "extension/collector_report.h"
#include "extension/installation.h"
#include "extension/settings.h"
#include "extension/worker_process.h"
#include "pg/boundary.h"
#include "pg/log.h"
#include "pg/transaction.h"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
}

namespace vitals::ext {

namespace {

// As long as the field of the slot.
using Version = char[sizeof(DatabaseSlot::version)];

// Storing a batch takes some megabytes and frees them again. Giving them back each time, to get them anew with the next
// batch, took a tenth of the time of storing, as page faults.
constexpr int most_kept_bytes = 16 * 1024 * 1024;

// Of this process.
CollectorStart own_start;
bool error_reported = false;

// Empty if the extension is not there.
void read_extension_version(Version& version) {
    pg::Transaction transaction("looking for the extension");
    version[0] = '\0';
    pg::call([&version] {
        ScanKeyData key;
        ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("pg_vitals"));
        Relation relation = table_open(ExtensionRelationId, AccessShareLock);
        SysScanDesc scan = systable_beginscan(relation, ExtensionNameIndexId, true, nullptr, 1, &key);
        HeapTuple tuple = systable_getnext(scan);
        if (HeapTupleIsValid(tuple)) {
            bool is_null = false;
            const Datum value = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(relation), &is_null);
            strlcpy(version, is_null ? "?" : text_to_cstring(DatumGetTextPP(value)), sizeof(version));
        }
        systable_endscan(scan);
        table_close(relation, AccessShareLock);
    });
    transaction.commit();
}

void keep_freed_memory() {
    // The process has no other thread. NOLINTBEGIN(concurrency-mt-unsafe)
    mallopt(M_TRIM_THRESHOLD, most_kept_bytes);
    mallopt(M_MMAP_THRESHOLD, most_kept_bytes);
    // NOLINTEND(concurrency-mt-unsafe)
}

bool is_own_version(const Version& version) {
    return std::strcmp(version, VITALS_VERSION) == 0;
}

// The package was upgraded and ALTER EXTENSION or the restart of the server is still to come. Writing with the
// functions of another version could destroy data, so nothing is done until they agree.
void await_own_version(Version& version) {
    Version logged = "";
    while (version[0] != '\0' && !is_own_version(version)) {
        report_collector(own_start.slot, CollectorState::version_mismatch, version);
        if (std::strcmp(logged, version) != 0) {
            ereport(WARNING,
                    (errmsg("pg_vitals module and extension differ in version, nothing is collected"),
                     errdetail("The loaded module is version %s, the extension in this database is version %s.",
                               VITALS_VERSION, version),
                     errhint("Run ALTER EXTENSION pg_vitals UPDATE, or restart the server if the package is newer than "
                             "the loaded module.")));
            std::memcpy(logged, version, sizeof(logged));
        }
        process_idle_interrupts();
        if (!recheck_requested(own_start.slot)) wait_for_latch(static_cast<long>(setting_reload_interval().count()));
        take_recheck_request(own_start.slot);
        read_extension_version(version);
    }
}

// Empty if the database is not paused, or if its tables cannot be read now: then the collection says why.
std::string read_pause_reason() {
    try {
        return pause_reason();
    } catch (const pg::ServerError&) {
        return {};
    }
}

// A restored or copied database does not poll the servers of the original. Returns false if pg_extension is to be
// looked at again.
bool await_enabled(const Version& version, bool& logged) {
    for (;;) {
        const std::string reason = read_pause_reason();
        if (reason.empty()) {
            logged = false;
            return true;
        }
        report_collector(own_start.slot, CollectorState::paused, version);
        if (!logged) {
            pg::write_log(pg::LogLevel::log, "pg_vitals collects nothing in this database", reason,
                          "Run SELECT vitals.enable() in it if its servers are to be polled from here.");
        }
        logged = true;
        pg::call([] { process_idle_interrupts(); });
        if (!recheck_requested(own_start.slot))
            pg::call([] { wait_for_latch(static_cast<long>(setting_reload_interval().count())); });
        if (recheck_requested(own_start.slot)) return false;
    }
}

// Returns when the extension is not, or no longer, in the database.
void serve_database() {
    Version version;
    bool pause_logged = false;
    do {
        process_idle_interrupts();
        // Answered before looking, so that whoever asks from now on is not missed.
        take_recheck_request(own_start.slot);
        read_extension_version(version);
        await_own_version(version);
        if (version[0] != '\0' && await_enabled(version, pause_logged)) {
            report_collector(own_start.slot, CollectorState::running, version);
            run_collection();
            end_if_requested();
        }
    } while (version[0] != '\0' || !retire_without_extension(own_start.slot));
}

void on_exit(int code, Datum) {
    // FATAL leaves no trace but in the log.
    if (code != 0 && !error_reported) report_collector_error(own_start.slot, "terminated, see the server log");
    // Here, since FATAL runs no destructors.
    withdraw_report();
    leave_slot(own_start.slot);
}

// ALTER DATABASE … SET and postgresql.conf are made for sessions; a collector must not be switched to read-only, have
// its search_path chosen by the owner of the database or compile one-row statements.
void pin_session_settings() {
    struct Pin {
        const char* name;
        const char* value;
    };
    constexpr Pin pins[] = {
        // Whoever looks for a deadlock first gives way: a user's DDL on a tenant's tables must not be the victim.
        {"deadlock_timeout", "100ms"},
        {"default_transaction_isolation", "read committed"},
        {"default_transaction_read_only", "off"},
        {"jit", "off"},
        {"search_path", "pg_catalog, pg_temp"},
    };
    for (const Pin& pin : pins)
        SetConfigOption(pin.name, pin.value, PGC_SUSET, PGC_S_OVERRIDE);
    pg::lift_transaction_timeout();
}

}  // namespace

bool register_collector(const CollectorStart& start, const char* database_name, BackgroundWorkerHandle** handle) {
    BackgroundWorker worker{};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_main_arg = Int32GetDatum(start.slot);
    worker.bgw_notify_pid = MyProcPid;
    strlcpy(worker.bgw_library_name, "pg_vitals", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "vitals_collector_main", sizeof(worker.bgw_function_name));
    snprintf(worker.bgw_name, sizeof(worker.bgw_name), "pg_vitals collector for %s", database_name);
    strlcpy(worker.bgw_type, "pg_vitals collector", sizeof(worker.bgw_type));
    static_assert(sizeof(start) <= sizeof(worker.bgw_extra));
    std::memcpy(worker.bgw_extra, &start, sizeof(start));

    MemoryContext caller_context = MemoryContextSwitchTo(TopMemoryContext);
    const bool registered = RegisterDynamicBackgroundWorker(&worker, handle);
    MemoryContextSwitchTo(caller_context);
    return registered;
}

bool collection_must_return() {
    if (!take_recheck_request(own_start.slot)) return false;
    Version version;
    read_extension_version(version);
    return !is_own_version(version);
}

bool collector_must_make_room() {
    return must_make_room(own_start.slot);
}

bool extension_has_changed() {
    if (recheck_requested(own_start.slot)) return true;
    Version version;
    read_extension_version(version);
    return !is_own_version(version);
}

}  // namespace vitals::ext

void vitals_collector_main(Datum) {
    using namespace vitals::ext;
    std::memcpy(&own_start, MyBgworkerEntry->bgw_extra, sizeof(own_start));
    set_up_signals(OnCancel::cancel_statement);
    // Signals are still blocked: whoever finds the pid in the slot can signal at once, and on_exit will run.
    if (!enter_slot(own_start)) proc_exit(0);
    before_shmem_exit(on_exit, Int32GetDatum(0));
    unblock_signals();
    BackgroundWorkerInitializeConnectionByOid(own_start.database, InvalidOid, 0);
    pgstat_report_appname("pg_vitals collector");
    pin_session_settings();
    keep_freed_memory();

    PG_TRY();
    { vitals::pg::entry(serve_database); }
    PG_CATCH();
    {
        MemoryContextSwitchTo(TopMemoryContext);
        report_collector_error(own_start.slot, CopyErrorData()->message);
        error_reported = true;
        PG_RE_THROW();
    }
    PG_END_TRY();
    proc_exit(0);
}
