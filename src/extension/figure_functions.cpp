// SQL-callable functions that show what a collector and its probers do, from shared memory.
#include <iterator>

#include "core/error_class.h"
#include "extension/collector_report.h"
#include "extension/settings.h"
#include "extension/shared_memory.h"
#include "pg/compat.h"

namespace vitals::ext {

namespace {

Datum float_or_null(double value, bool& is_null) {
    is_null = value < 0;
    return Float8GetDatum(value);
}

HeapTuple form_prober_row(const ProberFigures& figures, TupleDesc descriptor) {
    Datum values[] = {Int32GetDatum(figures.tenant_key),        Int32GetDatum(figures.pid),
                      TimestampTzGetDatum(figures.started_at),  Int32GetDatum(figures.restarts),
                      Int32GetDatum(figures.in_flight),         Int64GetDatum(figures.polls_lost),
                      Int64GetDatum(figures.resident_bytes),    CStringGetTextDatum(figures.last_exit),
                      TimestampTzGetDatum(figures.last_exit_at)};
    bool nulls[] = {false,
                    figures.pid == 0,
                    figures.started_at == 0,
                    false,
                    false,
                    false,
                    figures.resident_bytes == 0,
                    figures.last_exit[0] == '\0',
                    figures.last_exit_at == 0};
    return heap_form_tuple(descriptor, values, nulls);
}

HeapTuple form_figures(const CollectorReport& report, TupleDesc descriptor) {
    const CollectorFigures& figures = report.figures;
    Datum values[] = {Int32GetDatum(figures.tenants),
                      Int32GetDatum(figures.targets),
                      Int32GetDatum(figures.down),
                      Int32GetDatum(figures.in_flight),
                      Int32GetDatum(figures.due),
                      Int32GetDatum(figures.overdue),
                      Float8GetDatum(0),
                      Float8GetDatum(0),
                      Int64GetDatum(figures.polls),
                      Int64GetDatum(figures.polls_failed),
                      Int64GetDatum(figures.polls_lost),
                      Int64GetDatum(figures.probes),
                      Int64GetDatum(figures.cycles_passed),
                      Int64GetDatum(figures.cycles_skipped),
                      Int64GetDatum(figures.samples_stored),
                      Int64GetDatum(figures.samples_rejected),
                      Int64GetDatum(figures.samples_dropped),
                      CStringGetTextDatum(report.last_error),
                      TimestampTzGetDatum(report.last_error_at)};
    bool nulls[std::size(values)] = {};
    values[6] = float_or_null(figures.lag_p50_ms, nulls[6]);
    values[7] = float_or_null(figures.lag_p99_ms, nulls[7]);
    nulls[17] = nulls[18] = report.last_error_at == 0;
    return heap_form_tuple(descriptor, values, nulls);
}

TupleDesc row_type(FunctionCallInfo fcinfo) {
    TupleDesc descriptor = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    return BlessTupleDesc(descriptor);
}

// Figures are of all tenants together, and errors of any: only for who may see all of the database.
bool read_visible_report(CollectorReport& report) {
    return vitals::pg::oversees_database(MyDatabaseId, GetUserId()) && read_report(MyDatabaseId, report);
}

}  // namespace

}  // namespace vitals::ext

extern "C" {

using namespace vitals::ext;

PGDLLEXPORT Datum vitals_collector_figures(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_collector_figures);

Datum vitals_collector_figures(PG_FUNCTION_ARGS) {
    require_shared_memory();
    TupleDesc descriptor = row_type(fcinfo);
    CollectorReport report;
    if (!read_visible_report(report)) PG_RETURN_NULL();
    PG_RETURN_DATUM(HeapTupleGetDatum(form_figures(report, descriptor)));
}

PGDLLEXPORT Datum vitals_collector_failures(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_collector_failures);

Datum vitals_collector_failures(PG_FUNCTION_ARGS) {
    require_shared_memory();
    if (SRF_IS_FIRSTCALL()) {
        FuncCallContext* first = SRF_FIRSTCALL_INIT();
        MemoryContext caller_context = MemoryContextSwitchTo(first->multi_call_memory_ctx);
        first->tuple_desc = row_type(fcinfo);
        auto* report = static_cast<CollectorReport*>(palloc(sizeof(CollectorReport)));
        first->max_calls = read_visible_report(*report) ? vitals::core::error_class_count : 0;
        first->user_fctx = report;
        MemoryContextSwitchTo(caller_context);
    }
    FuncCallContext* call = SRF_PERCALL_SETUP();
    if (call->call_cntr >= call->max_calls) SRF_RETURN_DONE(call);
    const auto number = static_cast<std::size_t>(call->call_cntr);
    const auto name = vitals::core::to_text(static_cast<vitals::core::ErrorClass>(number));
    Datum values[] = {PointerGetDatum(cstring_to_text_with_len(name.data(), static_cast<int>(name.size()))),
                      Int64GetDatum(static_cast<const CollectorReport*>(call->user_fctx)->figures.failures[number])};
    bool nulls[] = {false, false};
    HeapTuple row = heap_form_tuple(call->tuple_desc, values, nulls);
    SRF_RETURN_NEXT(call, HeapTupleGetDatum(row));
}

PGDLLEXPORT Datum vitals_prober_rows(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_prober_rows);

Datum vitals_prober_rows(PG_FUNCTION_ARGS) {
    require_shared_memory();
    if (SRF_IS_FIRSTCALL()) {
        FuncCallContext* first = SRF_FIRSTCALL_INIT();
        MemoryContext caller_context = MemoryContextSwitchTo(first->multi_call_memory_ctx);
        first->tuple_desc = row_type(fcinfo);
        auto* figures = static_cast<ProberFigures*>(palloc(sizeof(ProberFigures) * setting_max_probers()));
        const int all = read_probers(MyDatabaseId, figures, setting_max_probers());
        // Here and not only in the view, which anybody could go around.
        int visible = 0;
        for (int i = 0; i < all; ++i) {
            if (is_member_of_role(GetUserId(), figures[i].tenant_role)) figures[visible++] = figures[i];
        }
        first->user_fctx = figures;
        first->max_calls = visible;
        MemoryContextSwitchTo(caller_context);
    }
    FuncCallContext* call = SRF_PERCALL_SETUP();
    if (call->call_cntr >= call->max_calls) SRF_RETURN_DONE(call);
    const auto* figures = static_cast<const ProberFigures*>(call->user_fctx);
    // Made before the macro, which counts the call before it evaluates its argument.
    HeapTuple row = form_prober_row(figures[call->call_cntr], call->tuple_desc);
    SRF_RETURN_NEXT(call, HeapTupleGetDatum(row));
}
}
