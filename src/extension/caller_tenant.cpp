// The choice of the caller's tenant. In C since every call of a function of vitals begins with it.
#include "extension/caller_tenant.h"

#include "extension/planned_query.h"
#include "pg/pg.h"

extern "C" {
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
}

namespace vitals::ext {

namespace {

const char* setting_of(const char* name) {
    const char* value = GetConfigOption(name, true, false);
    return value == nullptr || *value == '\0' ? nullptr : value;
}

const char* claimed_tenant() {
    const char* claims = setting_of("request.jwt.claims");
    if (claims == nullptr) return nullptr;
    LOCAL_FCINFO(call, 2);
    InitFunctionCallInfoData(*call, nullptr, 2, InvalidOid, nullptr, nullptr);
    call->args[0] = {.value = DirectFunctionCall1(jsonb_in, CStringGetDatum(claims)), .isnull = false};
    call->args[1] = {.value = CStringGetTextDatum("tenant"), .isnull = false};
    const Datum claim = jsonb_object_field_text(call);
    if (call->isnull) return nullptr;
    const char* name = TextDatumGetCString(claim);
    return *name == '\0' ? nullptr : name;
}

Datum found_tenant() {
    bool missing = false;
    const Datum tenant = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &missing);
    return SPI_datumTransfer(tenant, false, -1);
}

Datum tenant_named(const char* name) {
    PlannedQuery query{.statement = "SELECT t FROM vitals.tenants AS t WHERE t.name = $1",
                       .changes = false,
                       .count = 1,
                       .types = {TEXTOID},
                       .values = {CStringGetTextDatum(name)},
                       .nulls = " "};
    run_planned(query, 1);
    if (SPI_processed == 0)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for tenant"),
                        errdetail("There is no tenant \"%s\" that you may use.", name),
                        errhint("vitals.tenants lists yours.")));
    return found_tenant();
}

[[noreturn]] void refuse_to_choose() {
    PlannedQuery query{.statement = "SELECT pg_catalog.count(*) FROM vitals.tenants",
                       .changes = false,
                       .count = 0,
                       .types = {},
                       .values = {},
                       .nulls = ""};
    run_planned(query, 1);
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("tenant is ambiguous"),
                    errdetail("There are %s tenants that you may use.",
                              SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1)),
                    errhint("Choose one with SET vitals.tenant; vitals.tenants lists them.")));
    pg_unreachable();
}

Datum only_tenant() {
    PlannedQuery query{.statement = "SELECT t FROM vitals.tenants AS t",
                       .changes = false,
                       .count = 0,
                       .types = {},
                       .values = {},
                       .nulls = ""};
    // Two are as good as all.
    run_planned(query, 2);
    if (SPI_processed == 0)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("no tenant"),
                        errdetail("There is no tenant that you may use."),
                        errhint("A superuser makes a tenant with vitals.create_tenant(name), or lets you use one with "
                                "vitals.grant_tenant(name, role).")));
    if (SPI_processed > 1) refuse_to_choose();
    return found_tenant();
}

}  // namespace

Datum tenant_of_caller() {
    const char* name = setting_of("vitals.tenant");
    if (name == nullptr) name = claimed_tenant();
    SPI_connect();
    const Datum tenant = name != nullptr ? tenant_named(name) : only_tenant();
    SPI_finish();
    return tenant;
}

}  // namespace vitals::ext

extern "C" {

PGDLLEXPORT Datum vitals_tenant_of_caller(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_tenant_of_caller);

Datum vitals_tenant_of_caller(PG_FUNCTION_ARGS) {
    static_cast<void>(fcinfo);
    return vitals::ext::tenant_of_caller();
}
}
