// Rules of signals that every worker of the extension follows.
#include "extension/worker_process.h"

#include <cerrno>
#include <csignal>
#include <ctime>

#include "pg/boundary.h"
#include "pg/compat.h"

extern "C" {
#include "tcop/tcopprot.h"
#include "utils/wait_event.h"
}

namespace vitals::ext {

namespace {

volatile std::sig_atomic_t requested = 0;
volatile std::sig_atomic_t kept = 0;
timespec requested_at{};
// The postmaster sends each signal twice, to the process and to its group: where the process is quick, both arrive.
constexpr long same_request_ms = 500;
// Set before the handler is.
bool (*ends_now)() = nullptr;

long ms_since_request() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - requested_at.tv_sec) * 1000 + (now.tv_nsec - requested_at.tv_nsec) / 1'000'000;
}

void on_terminate(SIGNAL_ARGS) {
    const bool again = requested != 0;
    if (ends_now() || (again && ms_since_request() >= same_request_ms)) {
        die(postgres_signal_arg);
        return;
    }
    if (again) return;
    const int error = errno;
    clock_gettime(CLOCK_MONOTONIC, &requested_at);
    requested = 1;
    if (kept == 0) {
        InterruptPending = true;
        QueryCancelPending = true;
    }
    SetLatch(MyLatch);
    errno = error;
}

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

EndOnRequest::EndOnRequest(bool (*must_end_now)()) {
    ends_now = must_end_now;
    pqsignal(SIGTERM, on_terminate);
}

EndOnRequest::~EndOnRequest() {
    pqsignal(SIGTERM, die);
}

bool end_requested() noexcept {
    return requested != 0;
}

void end_if_requested() {
    if (requested == 0) return;
    pg::call([] {
        ProcDiePending = true;
        InterruptPending = true;
        CHECK_FOR_INTERRUPTS();
    });
}

KeptStatement::KeptStatement() noexcept {
    kept = 1;
}

KeptStatement::~KeptStatement() {
    kept = 0;
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
