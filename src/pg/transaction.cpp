#include "pg/transaction.h"

#include "pg/boundary.h"
#include "pg/pg.h"

extern "C" {
#include "storage/lock.h"
#include "utils/timeout.h"
}

namespace vitals::pg {

namespace {

using Clock = std::chrono::steady_clock;

// When the transaction in progress has to be over.
Clock::time_point give_up = Clock::time_point::max();

// PL/pgSQL can catch a cancel, and would go on for as long as it likes. It does so in a subtransaction; what follows
// that one is cancelled anew, so that each level of handlers only leads to the next one outside.
void on_subtransaction(SubXactEvent event, SubTransactionId /* own */, SubTransactionId /* parent */,
                       void* /* none */) {
    if (event != SUBXACT_EVENT_ABORT_SUB || !out_of_time()) return;
    QueryCancelPending = true;
    InterruptPending = true;
}

void begin(const char* activity, int limit_ms) {
    static bool registered = false;
    if (!registered) RegisterSubXactCallback(on_subtransaction, nullptr);
    registered = true;
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    // The timeout arrives as a query cancel; the collector's SIGINT handler is the server's own for that reason.
    enable_timeout_after(STATEMENT_TIMEOUT, limit_ms);
    give_up = Clock::now() + std::chrono::milliseconds(limit_ms);
    pgstat_report_activity(STATE_RUNNING, activity);
}

void end_limit() {
    disable_timeout(STATEMENT_TIMEOUT, false);
    give_up = Clock::time_point::max();
}

void leave_nothing_behind() {
    // A cancel that came too late for this transaction must not hit the next one.
    QueryCancelPending = false;
    // Advisory locks of the session kind outlive a transaction, and here there is no session's end to release them.
    LockReleaseAll(USER_LOCKMETHOD, true);
}

void finish() {
    CommitTransactionCommand();
    end_limit();
    leave_nothing_behind();
    // Autovacuum learns of the inserts only from here.
    pgstat_report_stat(false);
    pgstat_report_activity(STATE_IDLE, nullptr);
}

}  // namespace

bool out_of_time() noexcept {
    return Clock::now() >= give_up;
}

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
        // For itself: an error of what follows is copied into the memory context that is the current one at its start,
        // which must not be SPI's.
        call([] {
            SPI_finish();
            PopActiveSnapshot();
        });
        call([&] {
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
        end_limit();
        AbortCurrentTransaction();
        leave_nothing_behind();
        pgstat_report_activity(STATE_IDLE, nullptr);
    };
    detail::run_guarded(abort, nullptr, ignored);
}

}  // namespace vitals::pg
