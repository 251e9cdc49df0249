#include "pg/transaction.h"

#include "pg/boundary.h"
#include "pg/pg.h"

extern "C" {
#include "utils/timeout.h"
}

namespace vitals::pg {

namespace {

void begin(const char* activity, int limit_ms) {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    // The timeout arrives as a query cancel; the collector's SIGINT handler is the server's own for that reason.
    enable_timeout_after(STATEMENT_TIMEOUT, limit_ms);
    pgstat_report_activity(STATE_RUNNING, activity);
}

void finish() {
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
        call([&] {
            begin(activity, limit_ms);
            GetUserIdAndSecContext(&before_.user, &before_.security_context);
            // Whatever a tenant's code does to settings ends with the transaction.
            before_.settings_level = NewGUCNestLevel();
            if (OidIsValid(role)) {
                SetUserIdAndSecContext(role, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
            }
            SPI_connect();
            PushActiveSnapshot(GetTransactionSnapshot());
        });
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
        // No deferred trigger of a tenant can fire in the commit, with our rights: the restricted operation refuses to
        // queue one.
        call([&] {
            SPI_finish();
            PopActiveSnapshot();
            AtEOXact_GUC(false, before_.settings_level);
            SetUserIdAndSecContext(before_.user, before_.security_context);
            finish();
        });
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
