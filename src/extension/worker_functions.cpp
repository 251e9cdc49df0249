// SQL-callable functions around the collector's process.
#include "extension/database_slots.h"
#include "extension/settings.h"
#include "extension/shared_memory.h"
#include "pg/compat.h"

extern "C" {
#include "access/htup_details.h"
#include "commands/dbcommands.h"
#include "utils/wait_event.h"
}

namespace vitals::ext {

namespace {

constexpr int start_patience_ms = 5000;

void require_owner() {
    if (pg::owns_database(MyDatabaseId, GetUserId())) return;
    ereport(ERROR,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to start the collector"),
             errdetail("Only a superuser or the owner of database \"%s\" may.", get_database_name(MyDatabaseId))));
}

// Whether the state will not change by waiting.
bool is_settled(const DatabaseSlot& slot) {
    return slot.state == CollectorState::running || slot.state == CollectorState::version_mismatch ||
           slot.state == CollectorState::paused || slot.state == CollectorState::no_extension ||
           slot.state == CollectorState::no_worker_slot;
}

// Waits until the launcher has dealt with the request; returns whether the collector runs.
bool await_collector() {
    const TimestampTz give_up = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), start_patience_ms);
    DatabaseSlot slot{};
    while (!find_slot(MyDatabaseId, slot) || slot.recheck || !is_settled(slot)) {
        if (GetCurrentTimestamp() >= give_up) break;
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    if (slot.state == CollectorState::running) return true;
    ereport(WARNING, (errmsg("collector of database \"%s\" does not run", get_database_name(MyDatabaseId)),
                      errdetail("Its state is \"%s\".", to_text(slot.state)),
                      errhint("See vitals.worker_status and the server's log.")));
    return false;
}

// Other databases' rows are for who may look at them.
bool may_see(const DatabaseSlot& slot) {
    return slot.database == MyDatabaseId || pg::oversees_database(slot.database, GetUserId());
}

// A column of a row: the value, or NULL where there is none.
class RowBuilder {
  public:
    void add(Datum value, bool present = true) {
        values_[count_] = value;
        nulls_[count_++] = !present;
    }
    void add_time(TimestampTz time) { add(TimestampTzGetDatum(time), time != 0); }
    void add_text(const char* text) { add(CStringGetTextDatum(text), text[0] != '\0'); }
    HeapTuple form(TupleDesc descriptor) { return heap_form_tuple(descriptor, values_, nulls_); }

  private:
    Datum values_[9] = {};
    bool nulls_[9] = {};
    int count_ = 0;
};

HeapTuple form_row(const DatabaseSlot& slot, TupleDesc descriptor) {
    // An error may be about any tenant.
    const bool errors = pg::oversees_database(slot.database, GetUserId());
    RowBuilder row;
    row.add(ObjectIdGetDatum(slot.database));
    row.add_text(NameStr(slot.name));
    row.add_text(to_text(slot.state));
    row.add(Int32GetDatum(slot.pid), slot.pid != 0);
    row.add_text(slot.version);
    row.add_time(slot.started_at);
    row.add(Int64GetDatum(slot.restarts));
    row.add_text(errors ? slot.last_error : "");
    row.add_time(errors ? slot.last_error_at : 0);
    return row.form(descriptor);
}

}  // namespace

}  // namespace vitals::ext

extern "C" {

using namespace vitals::ext;

PGDLLEXPORT Datum vitals_start_collector(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_start_collector);

Datum vitals_start_collector([[maybe_unused]] PG_FUNCTION_ARGS) {
    require_collector_possible();
    require_owner();
    tell_collector(MyDatabaseId, true);
    PG_RETURN_BOOL(await_collector());
}

PGDLLEXPORT Datum vitals_worker_slots(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_worker_slots);

Datum vitals_worker_slots(PG_FUNCTION_ARGS) {
    require_shared_memory();
    if (SRF_IS_FIRSTCALL()) {
        FuncCallContext* first = SRF_FIRSTCALL_INIT();
        MemoryContext caller_context = MemoryContextSwitchTo(first->multi_call_memory_ctx);
        if (get_call_result_type(fcinfo, nullptr, &first->tuple_desc) != TYPEFUNC_COMPOSITE) {
            elog(ERROR, "return type must be a row type");
        }
        BlessTupleDesc(first->tuple_desc);
        first->max_calls = static_cast<uint64>(setting_max_databases());
        MemoryContextSwitchTo(caller_context);
    }
    FuncCallContext* call = SRF_PERCALL_SETUP();
    while (call->call_cntr < call->max_calls) {
        DatabaseSlot slot{};
        // call_cntr is the next slot to look at.
        if (!read_slot(static_cast<int>(call->call_cntr), slot) || !may_see(slot)) {
            ++call->call_cntr;
            continue;
        }
        SRF_RETURN_NEXT(call, HeapTupleGetDatum(form_row(slot, call->tuple_desc)));
    }
    SRF_RETURN_DONE(call);
}

PGDLLEXPORT Datum vitals_warn_unless_preloaded(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_warn_unless_preloaded);

Datum vitals_warn_unless_preloaded([[maybe_unused]] PG_FUNCTION_ARGS) {
    if (!shared_memory_available()) {
        ereport(
            WARNING,
            (errmsg("pg_vitals is not loaded at server start, so nothing will be collected"),
             errhint("Add this to postgresql.conf and restart the server: shared_preload_libraries = 'pg_vitals'")));
    }
    PG_RETURN_VOID();
}
}
