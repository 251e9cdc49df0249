// Statements with plans that are kept, and vitals.query_row and vitals.execute_row, which run them: a statement that is
// put together for a tenant's schema, with a plan that is kept for the next call. The functions that use a tenant's
// tables know their names only when they are called, and EXECUTE plans anew each time, which costs more than the
// reading. The server replans what changed, and frees what this cache lets go.
#include "extension/planned_query.h"

#include "pg/pg.h"

extern "C" {
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
}

namespace vitals::ext {

namespace {

// Some 3 MB for each of nine tenants that are stored for.
constexpr int max_plans = 64;
// A process that serves more tenants in turn than it has room for would replace each plan just before it is wanted
// again: those that are in use stay, and what comes later is planned each time.
constexpr int64 kept_for_us = INT64CONST(60) * USECS_PER_SEC;
// A statement that is longer was not put together by a function of the extension: whoever wrote it takes no memory with
// it for the rest of the session.
constexpr std::size_t most_kept_bytes = 16384;

struct KeptPlan {
    SPIPlanPtr plan;
    char* statement;
    std::uint32_t hash;
    // What a role may look up by name is settled when its statement is analysed, so none uses another one's plan.
    Oid role;
    bool changes;
    int count;
    Oid types[max_planned_arguments];
    TimestampTz last_used;
};

struct PlanCache {
    KeptPlan plans[max_plans];
    // Calls in progress. A tenant's view may call back, and must not have the plan freed that is reading it.
    int running;
};

PlanCache cache{};

bool is_of(const KeptPlan& kept, const PlannedQuery& query, std::uint32_t hash) {
    return kept.plan != nullptr && kept.hash == hash && kept.role == GetUserId() && kept.changes == query.changes &&
           kept.count == query.count && memcmp(kept.types, query.types, sizeof(Oid) * query.count) == 0 &&
           strcmp(kept.statement, query.statement) == 0;
}

// What changes rows has batches for arguments: a plan for one of them is good for all, and planning it five times, to
// see whether it is, takes longer than running it.
SPIPlanPtr prepare(PlannedQuery& query) {
    const int options = query.changes ? CURSOR_OPT_GENERIC_PLAN : 0;
    SPIPlanPtr plan = SPI_prepare_cursor(query.statement, query.count, query.types, options);
    if (plan == nullptr) elog(ERROR, "statement cannot be prepared: %s", SPI_result_code_string(SPI_result));
    return plan;
}

// An empty place, or that of what was used longest ago; null where all are in use.
KeptPlan* make_room() {
    KeptPlan* oldest = &cache.plans[0];
    for (KeptPlan& kept : cache.plans) {
        if (kept.last_used < oldest->last_used) oldest = &kept;
    }
    if (oldest->plan != nullptr) {
        if (GetCurrentStatementStartTimestamp() - oldest->last_used < kept_for_us) return nullptr;
        SPI_freeplan(oldest->plan);
        pfree(oldest->statement);
    }
    *oldest = KeptPlan{};
    return oldest;
}

SPIPlanPtr keep(SPIPlanPtr plan, const PlannedQuery& query, std::uint32_t hash) {
    KeptPlan* kept = make_room();
    if (kept == nullptr) return plan;
    char* statement = MemoryContextStrdup(TopMemoryContext, query.statement);
    SPI_keepplan(plan);
    *kept = KeptPlan{.plan = plan,
                     .statement = statement,
                     .hash = hash,
                     .role = GetUserId(),
                     .changes = query.changes,
                     .count = query.count,
                     .types = {},
                     .last_used = GetCurrentStatementStartTimestamp()};
    memcpy(kept->types, query.types, sizeof(Oid) * query.count);
    return plan;
}

SPIPlanPtr plan_for(PlannedQuery& query) {
    const std::size_t length = strlen(query.statement);
    if (length > most_kept_bytes) return prepare(query);
    const std::uint32_t hash = string_hash(query.statement, length + 1);
    for (KeptPlan& kept : cache.plans) {
        if (!is_of(kept, query, hash)) continue;
        kept.last_used = GetCurrentStatementStartTimestamp();
        return kept.plan;
    }
    SPIPlanPtr plan = prepare(query);
    return cache.running == 0 ? keep(plan, query, hash) : plan;
}

PlannedQuery query_of(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("statement must not be null")));
    if (get_fn_expr_variadic(fcinfo->flinfo))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("arguments cannot be given as an array")));
    PlannedQuery query{};
    query.count = PG_NARGS() - 1;
    if (query.count > max_planned_arguments)
        ereport(ERROR, (errcode(ERRCODE_TOO_MANY_ARGUMENTS), errmsg("too many arguments")));
    for (int i = 0; i < query.count; ++i) {
        query.types[i] = get_fn_expr_argtype(fcinfo->flinfo, i + 1);
        if (!OidIsValid(query.types[i]) || query.types[i] == UNKNOWNOID)
            ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_DATATYPE), errmsg("argument has no type"),
                            errhint("Cast it to the type that it is to have.")));
        query.nulls[i] = PG_ARGISNULL(i + 1) ? 'n' : ' ';
        query.values[i] = PG_ARGISNULL(i + 1) ? 0 : PG_GETARG_DATUM(i + 1);
    }
    query.statement = text_to_cstring(PG_GETARG_TEXT_PP(0));
    return query;
}

Datum first_row_of(FunctionCallInfo fcinfo, bool changes) {
    PlannedQuery query = query_of(fcinfo);
    query.changes = changes;
    SPI_connect();
    run_planned(query, changes ? 0 : 1);
    const bool found = SPI_tuptable != nullptr && SPI_processed > 0;
    HeapTupleHeader row = found ? SPI_returntuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc) : nullptr;
    SPI_finish();
    if (row == nullptr) PG_RETURN_NULL();
    PG_RETURN_HEAPTUPLEHEADER(row);
}

}  // namespace

void run_planned(PlannedQuery& query, long most_rows) {
    SPIPlanPtr plan = plan_for(query);
    volatile int outcome = 0;
    ++cache.running;
    PG_TRY();
    { outcome = SPI_execute_plan(plan, query.values, query.nulls, !query.changes, most_rows); }
    PG_FINALLY();
    { --cache.running; }
    PG_END_TRY();
    if (outcome < 0) elog(ERROR, "statement failed: %s", SPI_result_code_string(outcome));
}

}  // namespace vitals::ext

extern "C" {

using namespace vitals::ext;

PGDLLEXPORT Datum vitals_query_row(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_query_row);

Datum vitals_query_row(PG_FUNCTION_ARGS) {
    return first_row_of(fcinfo, false);
}

PGDLLEXPORT Datum vitals_execute_row(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_execute_row);

Datum vitals_execute_row(PG_FUNCTION_ARGS) {
    return first_row_of(fcinfo, true);
}
}
