#include "prober/connectors/mssql/mssql_errors.h"

#include <fmt/format.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

// db-lib's header defines macros; it stays behind the C++ ones.
#include <sybdb.h>
#include <sybfront.h>

#include "core/text_rules.h"
#include "prober/connectors/mssql/prelogin.h"

namespace vitals::prober {

namespace {

using core::ErrorClass;
using core::Failure;

constexpr std::size_t max_server_text = 512;

struct NumberClass {
    int number;
    ErrorClass error_class;
};

// Numbers from Microsoft's error reference.
constexpr std::array<NumberClass, 51> batch_classes{{
    {195, ErrorClass::version},
    {207, ErrorClass::version},
    {208, ErrorClass::version},
    {229, ErrorClass::permission},
    {230, ErrorClass::permission},
    {262, ErrorClass::permission},
    {297, ErrorClass::permission},
    {300, ErrorClass::permission},
    {371, ErrorClass::permission},
    {701, ErrorClass::pressure},
    {802, ErrorClass::pressure},
    {904, ErrorClass::database_unavailable},
    {911, ErrorClass::database_unavailable},
    {916, ErrorClass::permission},
    {922, ErrorClass::database_unavailable},
    {924, ErrorClass::database_unavailable},
    {927, ErrorClass::database_unavailable},
    {942, ErrorClass::database_unavailable},
    {945, ErrorClass::database_unavailable},
    {976, ErrorClass::database_unavailable},
    {978, ErrorClass::database_unavailable},
    {983, ErrorClass::database_unavailable},
    {1105, ErrorClass::pressure},
    {1205, ErrorClass::yielded},
    {1222, ErrorClass::yielded},
    {2812, ErrorClass::version},
    {4060, ErrorClass::database_unavailable},
    {6005, ErrorClass::starting},
    {8645, ErrorClass::pressure},
    {8651, ErrorClass::pressure},
    {10928, ErrorClass::pressure},
    {10929, ErrorClass::pressure},
    {17142, ErrorClass::starting},
    {18401, ErrorClass::starting},
    {18451, ErrorClass::starting},
    {18452, ErrorClass::login},
    {18456, ErrorClass::login},
    {18461, ErrorClass::starting},
    {18470, ErrorClass::login},
    {18486, ErrorClass::login},
    {18487, ErrorClass::login},
    {18488, ErrorClass::login},
    {40197, ErrorClass::database_unavailable},
    {40501, ErrorClass::pressure},
    {40613, ErrorClass::database_unavailable},
    {40615, ErrorClass::login},
    {49918, ErrorClass::pressure},
    {49919, ErrorClass::pressure},
    {49920, ErrorClass::pressure},
    {64081, ErrorClass::permission},
    {64082, ErrorClass::permission},
}};
static_assert(std::is_sorted(batch_classes.begin(), batch_classes.end(),
                             [](const NumberClass& a, const NumberClass& b) { return a.number < b.number; }));

constexpr int cannot_open_database = 4060;

std::string certificate_problem(unsigned status) {
    if ((status & GNUTLS_CERT_EXPIRED) != 0) return "it has expired";
    if ((status & GNUTLS_CERT_NOT_ACTIVATED) != 0) return "it is not valid yet";
    if ((status & GNUTLS_CERT_REVOKED) != 0) return "it has been revoked";
    if ((status & GNUTLS_CERT_INSECURE_ALGORITHM) != 0) return "it is signed with an insecure algorithm";
    if ((status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA)) != 0)
        return "it is not signed by an authority of the CA file (unknown CA)";
    return "its signature is not valid";
}

std::optional<Failure> describe_tls(const Observation& seen, const MssqlOptions& options) {
    const auto tls = [](std::string text) { return Failure{ErrorClass::tls, 0, std::move(text)}; };
    if (seen.cut_off == CutOff::plain_text)
        return tls("the server wanted to go on in plain text after the login; encrypt = require forbids it");
    if (seen.verify_status != 0)
        return tls(
            fmt::format("the certificate of the server is refused: {}", certificate_problem(seen.verify_status)));
    if (seen.name_matches == false)
        return tls(fmt::format("the certificate of the server is not made out to \"{}\" (wrong name)",
                               options.certificate_name));
    const bool refused = seen.handshake_started && seen.handshake_code < 0 && seen.cut_off == CutOff::none;
    if (refused) return tls(fmt::format("TLS handshake failed: {}", gnutls_strerror(seen.handshake_code)));
    if (options.tls == TlsMode::require && !seen.handshake_started &&
        offered_encryption(seen.opening) == OfferedEncryption::none)
        return tls("the server offers no encryption; encrypt = require demands it");
    return std::nullopt;
}

std::string where(const Observation& seen, Moment moment) {
    if (moment == Moment::batch) return "while it was answering the query";
    switch (failed_step(seen)) {
        case ConnectStep::tcp:
            return "while connecting (TCP)";
        case ConnectStep::tls:
            return seen.handshake_started ? "in the TLS handshake" : "after connecting: no answer to PRELOGIN";
        case ConnectStep::login:
            break;
    }
    return "while logging in";
}

std::optional<Failure> describe_cut_off(const Observation& seen, Moment moment) {
    switch (seen.cut_off) {
        case CutOff::deadline:
            return Failure{ErrorClass::timeout, 0, fmt::format("the deadline passed {}", where(seen, moment))};
        case CutOff::too_many_bytes:
            return Failure{ErrorClass::protocol, 0, "the server sent more data than any answer has; cut off"};
        case CutOff::too_many_messages:
            return Failure{ErrorClass::protocol, 0, "the server sent more messages than any answer has; cut off"};
        case CutOff::too_many_rows:
            return Failure{ErrorClass::protocol, 0, "the server sent more rows than any answer has; cut off"};
        case CutOff::too_many_cells:
            return Failure{ErrorClass::protocol, 0, "the server sent more values than any answer has; cut off"};
        case CutOff::none:
        case CutOff::plain_text:
        case CutOff::foreign:
            break;
    }
    return std::nullopt;
}

int os_error_of(const Observation& seen) {
    const auto found = std::find_if(seen.errors.begin(), seen.errors.end(),
                                    [](const LibraryError& error) { return error.os_error != 0; });
    return found != seen.errors.end() ? found->os_error : 0;
}

Failure describe_socket(const Observation& seen, const MssqlOptions& options) {
    const int os_error = os_error_of(seen);
    const std::string target = options.port != 0 ? fmt::format("{} port {}", options.host, options.port)
                                                 : fmt::format("{}\\{}", options.host, options.instance);
    if (os_error == ECONNREFUSED) return {ErrorClass::refused, 0, fmt::format("nothing listens on {}", target)};
    const std::string reason = os_error != 0 ? std::generic_category().message(os_error) : "unknown reason";
    const ErrorClass error_class = os_error == ETIMEDOUT ? ErrorClass::timeout : ErrorClass::unreachable;
    return {error_class, 0, fmt::format("cannot connect to {}: {}", target, reason)};
}

Failure describe_lost(const Observation& seen, Moment moment) {
    const bool nonsense = std::any_of(seen.errors.begin(), seen.errors.end(),
                                      [](const LibraryError& error) { return error.number == SYBEBTOK; });
    if (nonsense)
        return {ErrorClass::protocol, 0,
                fmt::format("what the server sent {} is not understood (bad token)", where(seen, moment))};
    const int os_error = os_error_of(seen);
    const std::string reason = os_error != 0 ? std::generic_category().message(os_error) : "closed by the server";
    return {ErrorClass::connection_lost, 0, fmt::format("the connection ended {}: {}", where(seen, moment), reason)};
}

Failure not_a_sql_server(const Observation& seen) {
    const std::string first_line = seen.opening.substr(0, seen.opening.find_first_of("\r\n"));
    return {ErrorClass::protocol, 0,
            fmt::format("not a SQL Server: it answers with \"{}\"", clean_server_text(first_line.substr(0, 24)))};
}

// Of a batch: a statement's own error says nothing of why the connection ended. Azure SQL Database ends sessions with
// errors of less severity than SQL Server does.
bool ends_connection(const ServerMessage& error) {
    constexpr int fatal_severity = 20;
    constexpr int first_of_azure = 40000;
    const ErrorClass error_class = class_of_server_error(error.number, Moment::batch);
    const bool of_azure = error_class == ErrorClass::database_unavailable && error.number >= first_of_azure;
    const bool too_much = error.number >= 40549 && error.number <= 40553;
    return error.severity >= fatal_severity || error_class == ErrorClass::starting || of_azure || too_much;
}

}  // namespace

core::ErrorClass class_of_server_error(int number, Moment moment) noexcept {
    if (number == cannot_open_database && moment == Moment::login) return ErrorClass::login;
    const auto* found = std::lower_bound(batch_classes.begin(), batch_classes.end(), number,
                                         [](const NumberClass& entry, int wanted) { return entry.number < wanted; });
    return found != batch_classes.end() && found->number == number ? found->error_class : ErrorClass::server_error;
}

std::string clean_server_text(std::string_view text) {
    std::string cleaned(text.substr(0, core::cut_of(text, max_server_text)));
    std::replace_if(cleaned.begin(), cleaned.end(), core::is_control, ' ');
    return cleaned;
}

core::Failure describe_server_error(const ServerMessage& error, const MssqlOptions& options, Moment moment) {
    const ErrorClass error_class = class_of_server_error(error.number, moment);
    const std::string text = clean_server_text(error.text);
    if (error_class == ErrorClass::login)
        return {error_class, error.number, fmt::format("login failed for user \"{}\": {}", options.username, text)};
    return {error_class, error.number, fmt::format("the server reports error {}: {}", error.number, text)};
}

core::Failure describe_failure(const Observation& seen, const MssqlOptions& options, Moment moment) {
    // The messages of a batch are of its statements; why it was cut off they do not say.
    if (moment == Moment::batch) {
        if (auto failure = describe_cut_off(seen, moment)) return std::move(*failure);
    }
    if (seen.kerberos_failure) return *seen.kerberos_failure;
    if (!seen.redirected_to.empty())
        return {ErrorClass::configuration, 0,
                fmt::format("the server sends its clients to \"{}\", where this one does not follow: add that server",
                            clean_server_text(seen.redirected_to))};
    if (seen.not_allowed) return {ErrorClass::not_allowed, 0, fmt::format("{} is not an allowed target", options.host)};
    if (auto failure = describe_tls(seen, options)) return std::move(*failure);
    const auto message = std::find_if(seen.messages.begin(), seen.messages.end(), [&](const ServerMessage& error) {
        return moment != Moment::batch || ends_connection(error);
    });
    if (message != seen.messages.end()) return describe_server_error(*message, options, moment);
    const bool foreign = moment == Moment::login && !seen.opening.empty() && !looks_like_tds(seen.opening);
    if (foreign) return not_a_sql_server(seen);
    if (auto failure = describe_cut_off(seen, moment)) return std::move(*failure);
    if (moment == Moment::login && !seen.sent) return describe_socket(seen, options);
    return describe_lost(seen, moment);
}

ConnectStep failed_step(const Observation& seen) noexcept {
    if (!seen.sent) return ConnectStep::tcp;
    if (seen.opening.empty() || seen.cut_off == CutOff::plain_text) return ConnectStep::tls;
    // PRELOGIN, which says whether there is TLS, was not answered: no login was sent.
    if (!looks_like_tds(seen.opening)) return ConnectStep::tls;
    if (seen.handshake_started && !seen.handshake_done) return ConnectStep::tls;
    return ConnectStep::login;
}

}  // namespace vitals::prober
