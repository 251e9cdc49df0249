// Rules of signals that every worker of the extension follows.
#include "extension/worker_process.h"

#include "pg/compat.h"

extern "C" {
#include "tcop/tcopprot.h"
#include "utils/wait_event.h"
}

namespace vitals::ext {

namespace {

void reload_configuration() {
    ConfigReloadPending = false;
    ProcessConfigFile(PGC_SIGHUP);
}

}  // namespace

void set_up_signals(OnCancel on_cancel) {
    // Not bgworker_die, which ends the process in the middle of whatever it does, and not a flag of our own, which
    // nobody looks at in a lock wait.
    pqsignal(SIGTERM, die);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    // The server delivers lock_timeout to itself as SIGINT, so a process that runs statements must not ignore it.
    pqsignal(SIGINT, on_cancel == OnCancel::ignore ? SIG_IGN : StatementCancelHandler);
}

void unblock_signals() {
    BackgroundWorkerUnblockSignals();
    reload_configuration();
}

bool process_idle_interrupts() {
    // Held, so that a cancel that arrives between two lines cannot become an ERROR where there is no statement.
    HOLD_CANCEL_INTERRUPTS();
    CHECK_FOR_INTERRUPTS();
    QueryCancelPending = false;
    RESUME_CANCEL_INTERRUPTS();
    if (!ConfigReloadPending) return false;
    reload_configuration();
    return true;
}

void wait_for_latch(long timeout_ms) {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout_ms, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
}

}  // namespace vitals::ext
