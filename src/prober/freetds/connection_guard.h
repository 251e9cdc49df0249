// What surrounds one db-lib connection because FreeTDS offers no such setting: a deadline for everything, a limit of
// bytes and messages, the addresses and the configuration it may find, no plain text where TLS is demanded, and a
// record of what happened, so that a failure has a reason that a person can read.
//
// The interposed libc and gnutls functions (interposed_*.cpp) ask the GuardScope of their thread. FreeTDS calls them
// without a handle of ours, hence the thread_local pointer; nothing else in the prober is thread_local.
#pragma once

#include <gnutls/gnutls.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/wire.h"
#include "prober/deadline.h"
#include "prober/freetds/outgoing_filter.h"
#include "prober/freetds/socket_shortcuts.h"
#include "prober/freetds/trust_list.h"

namespace vitals::prober {

// A message of the server with a severity above 10, that is: an error.
struct ServerMessage {
    int number = 0;
    int severity = 0;
    std::string text;
    std::size_t place = 0;  // where it came: 2 n before the n-th result set (from 0), 2 n + 1 within its rows
};

// What db-lib's error handler was told.
struct LibraryError {
    int number = 0;    // SYBE…
    int os_error = 0;  // errno, 0 where there is none
};

// Why we ended the conversation ourselves.
enum class CutOff {
    none,
    deadline,
    too_many_bytes,
    too_many_messages,
    too_many_rows,
    too_many_cells,
    plain_text,  // TLS is demanded, and something else was about to be sent
    foreign,     // the first byte is not one of a SQL Server: FreeTDS would wait for the rest of a packet
};

// How far a connection came and what was seen on the way.
struct Observation {
    bool sent = false;    // the TCP connection stood, for something was sent
    std::string opening;  // the first bytes received, at most 64
    bool handshake_started = false;
    bool handshake_done = false;
    int handshake_code = 0;            // gnutls, negative for a failure
    unsigned verify_status = 0;        // gnutls_certificate_status_t
    std::optional<bool> name_matches;  // nothing: not checked
    CutOff cut_off = CutOff::none;
    std::vector<ServerMessage> messages;
    std::vector<LibraryError> errors;
    bool not_allowed = false;   // the target gate refused an address
    std::string redirected_to;  // another server, that this one wants to be asked instead
    std::optional<core::Failure> kerberos_failure;
};

class KerberosLogin;

// What FreeTDS finds where it looks while it connects.
struct ConnectSurroundings {
    std::string configuration;                // text of freetds.conf
    std::string name;                         // the only one that can be resolved
    std::vector<std::string> addresses;       // numeric, what it resolves to
    std::shared_ptr<KerberosLogin> kerberos;  // nothing: Kerberos is not used, or the login has ended
};

class ConnectionGuard {
  public:
    // `tls_only`: nothing but TLS may be sent after PRELOGIN. `trust`: what the peer's certificate is verified against;
    // nothing where it is not verified.
    ConnectionGuard(bool tls_only, std::shared_ptr<const TrustList> trust, ConnectSurroundings surroundings);

    Observation seen;
    SocketShortcuts socket;

    [[nodiscard]] const ConnectSurroundings& surroundings() const noexcept { return surroundings_; }
    // Once the login has ended nothing of the connection needs its password or ticket.
    void forget_kerberos() noexcept { surroundings_.kerberos.reset(); }
    [[nodiscard]] const TrustList* trust() const noexcept { return trust_.get(); }
    // True when everything after the login went out, and could only go out, as TLS records.
    [[nodiscard]] bool proves_encryption() const noexcept { return tls_only_ && filter_.encrypted(); }

    // False when these bytes may not be sent.
    bool may_send(std::span<const std::byte> bytes);
    void was_sent(std::span<const std::byte> bytes);
    void was_received(std::span<const std::byte> bytes);

    // On the wire, both ways, since the connection was opened.
    [[nodiscard]] std::uint64_t traffic() const noexcept { return traffic_; }

    void note_message(int number, int severity, std::string_view text);
    void note_error(int number, int os_error);
    // Forgets the messages and errors of the last exchange.
    void begin_exchange();

  private:
    bool tls_only_;
    std::shared_ptr<const TrustList> trust_;
    ConnectSurroundings surroundings_;
    OutgoingFilter filter_;
    std::size_t message_count_ = 0;
    std::uint64_t traffic_ = 0;
};

// While it lives, everything FreeTDS does in this thread belongs to `guard` and ends by `deadline`. Scopes do not nest.
class GuardScope {
  public:
    GuardScope(ConnectionGuard& guard, const Deadline& deadline, std::size_t max_bytes);
    GuardScope(const GuardScope&) = delete;
    GuardScope& operator=(const GuardScope&) = delete;
    ~GuardScope();

    // The scope of the calling thread, or nullptr.
    static GuardScope* active() noexcept;

    [[nodiscard]] ConnectionGuard& guard() noexcept { return guard_; }
    [[nodiscard]] const Deadline& deadline() const noexcept { return deadline_; }
    void set_deadline(const Deadline& deadline) noexcept { deadline_ = deadline; }

    // True when FreeTDS must not wait or read any more; notes why.
    bool cut_off() noexcept;
    void received(std::span<const std::byte> bytes);

  private:
    ConnectionGuard& guard_;
    Deadline deadline_;
    std::size_t bytes_left_;
};

}  // namespace vitals::prober
