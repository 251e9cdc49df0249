// SQL-callable functions that belong to no subject of their own: those are in tenant_, storage_, worker_ and
// figure_functions.cpp. Each is a thin C entry: sql/ documents what it does for its callers.
#include <cstring>

#include "extension/collector_report.h"
#include "extension/database_slots.h"
#include "extension/installation.h"
#include "extension/requests.h"
#include "extension/secret_keys.h"
#include "extension/settings.h"
#include "extension/shared_memory.h"
#include "pg/compat.h"

extern "C" {
#include "commands/extension.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/resowner.h"
#include "utils/uuid.h"
#include "utils/varlena.h"
}

namespace vitals::ext {

namespace {

constexpr int least_wait_ms = 1000;
// As vitals.test_connection and vitals.collect_now say it, which are not the only ways here.
constexpr int most_wait_ms = 5 * 60 * 1000;

// Characters of a name; the work grows with their square.
constexpr int most_compared = 100;

bool notify_at_commit = false;

// Not when the transaction commits but a little later, when what it changed in the catalogs was sent to the other
// processes: the collector would look at once, and find no right that was just granted. Subtransactions need no care: a
// notice too many only costs a look at the tables.
void on_resource_release(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void* /* unused */) {
    if (!is_top_level || phase != RESOURCE_RELEASE_AFTER_LOCKS || !notify_at_commit) return;
    notify_at_commit = false;
    if (!is_commit) return;
    configuration_changed(MyDatabaseId);
    wake_collector(MyDatabaseId);
}

bool collector_is_running() {
    DatabaseSlot slot{};
    return shared_memory_available() && find_slot(MyDatabaseId, slot) && slot.state == CollectorState::running;
}

// As the view does, so that a tenant cannot have another's servers tested by calling the function behind it.
void require_member_of_tenant(int tenant_key) {
    SPI_connect();
    Oid types[] = {INT4OID};
    Datum values[] = {Int32GetDatum(tenant_key)};
    const int outcome = SPI_execute_with_args("SELECT FROM vitals.tenants WHERE tenant_key = $1 AND access = 'operate'",
                                              1, types, values, nullptr, true, 1);
    const bool member = outcome == SPI_OK_SELECT && SPI_processed == 1;
    SPI_finish();
    if (!member) ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for tenant")));
}

char* uuid_text(Datum uuid) {
    return DatumGetCString(DirectFunctionCall1(uuid_out, uuid));
}

// The arguments of both functions are the same: tenant, server, milliseconds.
Datum await_collector(RequestKind kind, FunctionCallInfo fcinfo) {
    require_shared_memory();
    const int tenant_key = PG_GETARG_INT32(0);
    const int timeout_ms = Max(PG_GETARG_INT32(2), least_wait_ms);
    if (timeout_ms > most_wait_ms) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("timeout must not be longer than 5 minutes")));
    }
    require_member_of_tenant(tenant_key);
    require_enabled();
    char* answer = request(kind, tenant_key, uuid_text(PG_GETARG_DATUM(1)), timeout_ms);
    return DirectFunctionCall1(jsonb_in, CStringGetDatum(answer));
}

}  // namespace

}  // namespace vitals::ext

extern "C" {

using namespace vitals::ext;

PGDLLEXPORT Datum vitals_version(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_version);

Datum vitals_version([[maybe_unused]] PG_FUNCTION_ARGS) {
    PG_RETURN_DATUM(CStringGetTextDatum(VITALS_VERSION));
}

PGDLLEXPORT Datum vitals_notify_collector(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_notify_collector);

Datum vitals_notify_collector([[maybe_unused]] PG_FUNCTION_ARGS) {
    static bool registered = false;
    if (!shared_memory_available()) PG_RETURN_VOID();
    if (!registered) RegisterResourceReleaseCallback(on_resource_release, nullptr);
    registered = true;
    notify_at_commit = true;
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum vitals_collector_running(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_collector_running);

Datum vitals_collector_running([[maybe_unused]] PG_FUNCTION_ARGS) {
    PG_RETURN_BOOL(collector_is_running());
}

PGDLLEXPORT Datum vitals_require_collector(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_require_collector);

Datum vitals_require_collector([[maybe_unused]] PG_FUNCTION_ARGS) {
    require_collector_possible();
    require_enabled();
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum vitals_refuse_in_extension_script(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_refuse_in_extension_script);

Datum vitals_refuse_in_extension_script([[maybe_unused]] PG_FUNCTION_ARGS) {
    if (creating_extension) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("cannot create a tenant's relations in an extension script"),
                        errdetail("They would become members of the extension, and dumps would leave them out.")));
    }
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum vitals_seal_secret(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_seal_secret);

Datum vitals_seal_secret(PG_FUNCTION_ARGS) {
    // Must be the text that fleet.cpp opens it with. The size keeps a part of one host from being another host.
    char* host = text_to_cstring(PG_GETARG_TEXT_PP(2));
    for (char* c = host; *c != '\0'; ++c)
        *c = static_cast<char>(pg_ascii_tolower(static_cast<unsigned char>(*c)));
    const char* owner =
        psprintf("%s/%s@%zu:%s:", uuid_text(PG_GETARG_DATUM(0)), uuid_text(PG_GETARG_DATUM(1)), strlen(host), host);
    PG_RETURN_BYTEA_P(seal_secret(owner, PG_GETARG_TEXT_PP(3)));
}

PGDLLEXPORT Datum vitals_target_list_problem(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_target_list_problem);

Datum vitals_target_list_problem(PG_FUNCTION_ARGS) {
    char problem[200] = "";
    describe_target_problem(text_to_cstring(PG_GETARG_TEXT_PP(0)), problem, sizeof(problem));
    if (problem[0] == '\0') PG_RETURN_NULL();
    // What was cut may end within a character.
    PG_RETURN_TEXT_P(cstring_to_text_with_len(problem, pg_mbcliplen(problem, static_cast<int>(strlen(problem)), 199)));
}

PGDLLEXPORT Datum vitals_request_check(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_request_check);

Datum vitals_request_check(PG_FUNCTION_ARGS) {
    PG_RETURN_DATUM(await_collector(RequestKind::check, fcinfo));
}

PGDLLEXPORT Datum vitals_request_poll(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_request_poll);

Datum vitals_request_poll(PG_FUNCTION_ARGS) {
    PG_RETURN_DATUM(await_collector(RequestKind::poll, fcinfo));
}

PGDLLEXPORT Datum vitals_name_distance(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_name_distance);

Datum vitals_name_distance(PG_FUNCTION_ARGS) {
    const auto bytes_that_count = [](text* whole) {
        return pg_mbcharcliplen(VARDATA_ANY(whole), static_cast<int>(VARSIZE_ANY_EXHDR(whole)), most_compared);
    };
    text* one = PG_GETARG_TEXT_PP(0);
    text* other = PG_GETARG_TEXT_PP(1);
    PG_RETURN_INT32(varstr_levenshtein(VARDATA_ANY(one), bytes_that_count(one), VARDATA_ANY(other),
                                       bytes_that_count(other), 1, 1, 1, true));
}
}
