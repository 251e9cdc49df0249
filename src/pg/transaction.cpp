#include "pg/transaction.h"

#include "pg/boundary.h"
#include "pg/pg.h"

extern "C" {
#include "utils/timeout.h"
}

namespace vitals::pg {

namespace {

void begin(const char* activity, Oid role, int limit_ms) {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    // The timeout arrives as a query cancel; the collector's SIGINT handler is the server's own for that reason.
    enable_timeout_after(STATEMENT_TIMEOUT, limit_ms);
    if (OidIsValid(role)) {
        // Both are undone by the end of the transaction, however it ends.
        SetUserIdAndSecContext(role, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    }
    SPI_connect();
    PushActiveSnapshot(GetTransactionSnapshot());
    pgstat_report_activity(STATE_RUNNING, activity);
}

void finish() {
    SPI_finish();
    PopActiveSnapshot();
    CommitTransactionCommand();
    disable_timeout(STATEMENT_TIMEOUT, false);
    // Autovacuum learns of the inserts only from here.
    pgstat_report_stat(false);
    pgstat_report_activity(STATE_IDLE, nullptr);
}

}  // namespace

Transaction::Transaction(const char* activity, RoleId role, std::chrono::milliseconds limit) {
    const int limit_ms = static_cast<int>(limit.count());
    open_ = true;
    try {
        call([&] { begin(activity, role, limit_ms); });
    } catch (...) {
        roll_back();
        throw;
    }
}

Transaction::~Transaction() {
    if (open_) roll_back();
}

void Transaction::commit() {
    try {
        call([] { finish(); });
    } catch (...) {
        roll_back();
        throw;
    }
    open_ = false;
}

void Transaction::roll_back() noexcept {
    open_ = false;
    ErrorFields ignored{};
    const auto abort = [](void*) noexcept {
        disable_timeout(STATEMENT_TIMEOUT, false);
        AbortCurrentTransaction();
        // A cancel that came too late for this transaction must not hit the next one.
        QueryCancelPending = false;
        pgstat_report_activity(STATE_IDLE, nullptr);
    };
    detail::run_guarded(abort, nullptr, ignored);
}

}  // namespace vitals::pg
