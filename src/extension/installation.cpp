#include "extension/installation.h"

#include "pg/pg.h"
#include "pg/query.h"
#include "pg/transaction.h"

namespace vitals::ext {

namespace {

constexpr const char* query = "SELECT s.reason FROM vitals.installation_status AS s WHERE s.paused";

}  // namespace

std::string pause_reason() {
    pg::Transaction transaction("looking whether to collect");
    const auto rows = pg::query(query);
    transaction.commit();
    return rows.empty() ? std::string() : rows.front().at(0).value_or("");
}

void require_enabled() {
    MemoryContext caller_context = CurrentMemoryContext;
    SPI_connect();
    const int outcome = SPI_execute(query, true, 1);
    char* reason = nullptr;
    if (outcome == SPI_OK_SELECT && SPI_processed == 1) {
        const char* value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
        reason = MemoryContextStrdup(caller_context, value == nullptr ? "" : value);
    }
    SPI_finish();
    if (reason == nullptr) return;
    ereport(ERROR, (errcode(MAKE_SQLSTATE('P', 'T', '5', '0', '3')), errmsg("nothing is collected in this database"),
                    errdetail_internal("%s", reason),
                    errhint("A superuser runs SELECT vitals.enable() if its servers are to be polled from here.")));
}

}  // namespace vitals::ext
