// One connection to a SQL Server through db-lib, with the deadline, the limits and the TLS rules that FreeTDS lacks.
// Not bound to a thread, but used by one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/secret.h"
#include "prober/deadline.h"
#include "prober/freetds/connection_guard.h"
#include "prober/freetds/tds_rows.h"

struct tds_dblib_dbprocess;

namespace vitals::prober {

enum class TlsMode {
    off,      // not even the password is encrypted, unless the server insists
    request,  // what the server wants; nothing is verified
    require,  // everything is encrypted, or there is no connection
};

// All texts are expected to be checked: no line break, no '#', ';' or '[', at most 200 bytes (they become lines of a
// freetds.conf).
struct TdsLogin {
    std::vector<std::string> addresses;  // numeric, at least one
    std::string certificate_name;        // what the server's certificate must be made out to
    std::uint16_t port = 1433;
    std::string username;  // DOMAIN\user: an NTLM login
    std::string database;
    std::string app_name;
    int packet_size = 0;     // bytes; 0: as the server likes
    bool read_only = false;  // ApplicationIntent
    // Not nothing: a Kerberos login, which needs neither name nor password, to the service of that name.
    std::shared_ptr<KerberosLogin> kerberos;
    std::string server_spn;
    TlsMode tls = TlsMode::require;
    std::shared_ptr<const TrustList> trust;  // nothing: the certificate is not verified
};

// Limits of one batch; a server that exceeds one is cut off.
constexpr std::size_t max_batch_bytes = 8 * 1024 * 1024;
constexpr std::size_t max_batch_rows = 200'000;
constexpr std::size_t max_batch_cells = 1'000'000;  // that are kept; each takes far more memory than bytes on the wire
constexpr std::size_t max_batch_sets = 1024;
constexpr std::size_t max_batch_columns = 64;
constexpr std::size_t max_cell_text = 4096;  // bytes; longer text is cut

// What a batch brought. `errors` is not empty when a statement failed; the other result sets are there.
struct BatchReply {
    std::vector<ResultSet> sets;
    std::vector<Deadline::Clock::time_point> read_at;  // when the end of each set was there
    std::vector<ServerMessage> errors;
};

// For what follows a result set.
struct BatchLimits {
    Deadline deadline;
    std::size_t max_rows = max_batch_rows;  // more rows of a set are counted only
};
// Asked after each result set; nothing: as before.
using BatchWatch = std::function<std::optional<BatchLimits>(const ResultSet& last)>;

class TdsConnection {
  public:
    // Connects and logs in by the deadline. On failure there is no connection (good() is false) and observation() says
    // what happened. Throws std::bad_alloc only.
    TdsConnection(const TdsLogin& login, const core::Secret& password, const Deadline& deadline);
    ~TdsConnection();
    TdsConnection(const TdsConnection&) = delete;
    TdsConnection& operator=(const TdsConnection&) = delete;

    // False once the connection cannot be used any more: after a failure, the deadline, or when the peer closed it.
    [[nodiscard]] bool good() const noexcept;

    // Sends a batch and reads everything it brings. Check good() afterwards: if it is false the reply is what came
    // before the connection ended.
    BatchReply run(const std::string& sql, const Deadline& deadline, const BatchWatch& watch = {});

    [[nodiscard]] const Observation& observation() const noexcept { return guard_.seen; }
    // Bytes on the wire, both ways, since it was opened.
    [[nodiscard]] std::uint64_t traffic() const noexcept { return guard_.traffic(); }
    [[nodiscard]] bool proves_encryption() const noexcept { return guard_.proves_encryption(); }

  private:
    struct Close {
        void operator()(tds_dblib_dbprocess* process) const noexcept;
    };

    bool read_sets(BatchReply& reply, GuardScope& scope, const BatchWatch& watch);
    // What a batch may still bring.
    struct Room {
        std::size_t rows = max_batch_rows;
        std::size_t cells = max_batch_cells;
    };
    bool read_rows(ResultSet& set, std::size_t max_rows, Room& room);
    void place_messages(std::size_t place);

    ConnectionGuard guard_;
    std::size_t placed_messages_ = 0;  // of those that were seen in this exchange
    std::unique_ptr<tds_dblib_dbprocess, Close> process_;
};

}  // namespace vitals::prober
