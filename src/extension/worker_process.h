// What the launcher and the collectors have in common as background workers: signals, interrupts while idle, waiting.
#pragma once

namespace vitals::ext {

// What SIGINT (pg_cancel_backend, and the server's own timeouts) does.
enum class OnCancel {
    ignore,
    cancel_statement,  // ends the statement in progress with an ERROR; without one it does nothing
};

// Installs the signal handlers of a worker; signals stay blocked until unblock_signals. SIGTERM ends the process also
// in lock waits, SIGHUP asks for a reload, SIGUSR1 stays the server's.
void set_up_signals(OnCancel on_cancel);

// While it lives, the first SIGTERM does not end the process but asks for that: a statement in progress is cancelled
// unless it is a KeptStatement, and end_requested() says so. A second one, not right after it, ends it, and so does the
// first where must_end_now(), which is called in the signal handler.
class EndOnRequest {
  public:
    explicit EndOnRequest(bool (*must_end_now)());
    ~EndOnRequest();
    EndOnRequest(const EndOnRequest&) = delete;
    EndOnRequest& operator=(const EndOnRequest&) = delete;
};
bool end_requested() noexcept;
// Ends the process if that was asked for, as the signal would have.
void end_if_requested();

// A statement in progress that an asked for end waits for.
class KeptStatement {
  public:
    KeptStatement() noexcept;
    ~KeptStatement();
    KeptStatement(const KeptStatement&) = delete;
    KeptStatement& operator=(const KeptStatement&) = delete;
};

// Unblocks signals and reads the configuration, since a SIGHUP may have been missed until now.
void unblock_signals();

// To be called once per turn while no transaction is open: ends the process when told to, answers the server's
// barriers, drops a cancel that had nothing to cancel, and reloads the configuration after SIGHUP. Returns whether it
// reloaded.
bool process_idle_interrupts();

// Waits for the latch, at most timeout_ms, and resets it. Ends the process if the postmaster is gone.
void wait_for_latch(long timeout_ms);

}  // namespace vitals::ext
