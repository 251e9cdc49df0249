// The way into a tenant's schema. A tenant owns its tables, so that reading or writing one may run code of the tenant:
// a trigger, a view put in a table's place, a cast. Whoever calls (often a superuser, or a member of several tenants)
// must not lend that code his rights. So each function that touches a tenant's tables has two halves: f(…), in C, which
// everybody calls, and f_in(tenant, …), which does the work and runs as the tenant's role, as VACUUM and REFRESH do it.
// What a superuser changes in a tenant's relations goes through vitals.run_as for the same reason.
#include "extension/caller_tenant.h"
#include "pg/pg.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace vitals::ext {

namespace {

constexpr const char* suffix = "_in";

List* qualified_name(const char* name) {
    return list_make2(makeString(pstrdup("vitals")), makeString(pstrdup(name)));
}

// f_in(vitals.tenants, arguments of f).
Oid find_half_inside(Oid outer, Oid tenant_type) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(outer));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for function %u", outer);
    const auto* function = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    Oid types[FUNC_MAX_ARGS];
    const int count = function->pronargs;
    if (count >= FUNC_MAX_ARGS) elog(ERROR, "too many arguments");
    types[0] = tenant_type;
    for (int i = 0; i < count; ++i)
        types[i + 1] = function->proargtypes.values[i];
    const char* name = psprintf("%s%s", NameStr(function->proname), suffix);
    ReleaseSysCache(tuple);
    return LookupFuncName(qualified_name(name), count + 1, types, false);
}

Datum field_of(Datum tenant, const char* field) {
    bool missing = false;
    const Datum value = GetAttributeByName(DatumGetHeapTupleHeader(tenant), field, &missing);
    if (missing) elog(ERROR, "tenant has no %s", field);
    return value;
}

// Who may only read calls nothing that writes: as the tenant's role it would be allowed.
void require_access(Datum tenant, Oid function) {
    if (func_volatile(function) != PROVOLATILE_VOLATILE) return;
    if (strcmp(TextDatumGetCString(field_of(tenant, "access")), "operate") == 0) return;
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for tenant"),
                    errdetail("You may read the tenant, and not operate it.")));
}

// Whoever was there before. An error needs no restoring: the end of the (sub)transaction does it.
struct Caller {
    Oid role;
    int context;
    int settings_level;
};

Caller become(Oid role) {
    Caller caller{};
    GetUserIdAndSecContext(&caller.role, &caller.context);
    caller.settings_level = NewGUCNestLevel();
    SetUserIdAndSecContext(role, caller.context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    return caller;
}

void return_to(const Caller& caller) {
    // Whatever the tenant's code did to settings, too.
    AtEOXact_GUC(false, caller.settings_level);
    SetUserIdAndSecContext(caller.role, caller.context);
}

bool has_control_character(const char* text) {
    for (; text != nullptr && *text != '\0'; ++text) {
        if (static_cast<unsigned char>(*text) < ' ' || *text == '\x7f') return true;
    }
    return false;
}

// A tenant's trigger chooses state and message of its errors. PostgREST makes the status line of a response of those
// with PTxyz, line breaks included, and headers of those with PGRST: a trigger must not write another response into it.
bool forges_response(const ErrorData& error) {
    if (error.sqlerrcode == MAKE_SQLSTATE('P', 'G', 'R', 'S', 'T')) return true;
    const char* state = unpack_sql_state(error.sqlerrcode);
    if (strncmp(state, "PT", 2) != 0) return false;
    return (state[2] != '4' && state[2] != '5') || has_control_character(error.message);
}

Datum call_as(Oid role, FunctionCallInfo call) {
    const Caller caller = become(role);
    const MemoryContext context = CurrentMemoryContext;
    volatile Datum result = 0;
    PG_TRY();
    { result = FunctionCallInvoke(call); }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        ErrorData* error = CopyErrorData();
        FlushErrorState();
        if (forges_response(*error)) error->sqlerrcode = ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
        ReThrowError(error);
    }
    PG_END_TRY();
    return_to(caller);
    return result;
}

void run_statements(ArrayType* statements) {
    Datum* texts = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(statements, TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &count);
    SPI_connect();
    for (int i = 0; i < count; ++i) {
        if (nulls[i]) ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("statement must not be null")));
        const int outcome = SPI_execute(TextDatumGetCString(texts[i]), false, 0);
        if (outcome < 0) elog(ERROR, "statement failed: %s", SPI_result_code_string(outcome));
    }
    SPI_finish();
}

}  // namespace

}  // namespace vitals::ext

extern "C" {

using namespace vitals::ext;

PGDLLEXPORT Datum vitals_as_tenant(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_as_tenant);

Datum vitals_as_tenant(PG_FUNCTION_ARGS) {
    const Datum tenant = tenant_of_caller();
    require_access(tenant, fcinfo->flinfo->fn_oid);

    FmgrInfo function;
    fmgr_info(find_half_inside(fcinfo->flinfo->fn_oid, HeapTupleHeaderGetTypeId(DatumGetHeapTupleHeader(tenant))),
              &function);
    LOCAL_FCINFO(call, FUNC_MAX_ARGS);
    InitFunctionCallInfoData(*call, &function, static_cast<short>(fcinfo->nargs + 1), fcinfo->fncollation, nullptr,
                             fcinfo->resultinfo);
    call->args[0] = {.value = tenant, .isnull = false};
    for (int i = 0; i < fcinfo->nargs; ++i)
        call->args[i + 1] = fcinfo->args[i];
    const Datum result = call_as(DatumGetObjectId(field_of(tenant, "role")), call);
    fcinfo->isnull = call->isnull;
    return result;
}

PGDLLEXPORT Datum vitals_run_as(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_run_as);

Datum vitals_run_as(PG_FUNCTION_ARGS) {
    const Oid role = PG_GETARG_OID(0);
    // As for SET ROLE.
    check_is_member_of_role(GetUserId(), role);
    const Caller caller = become(role);
    run_statements(PG_GETARG_ARRAYTYPE_P(1));
    return_to(caller);
    PG_RETURN_VOID();
}
}
