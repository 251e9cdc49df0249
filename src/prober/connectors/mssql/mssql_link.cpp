#include "prober/connectors/mssql/mssql_link.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "prober/connectors/mssql/mssql_batch.h"
#include "prober/connectors/mssql/mssql_errors.h"
#include "prober/freetds/tds_failure.h"

namespace vitals::prober {

TdsLogin make_tds_login(MssqlShared& shared, const MssqlOptions& options, std::vector<std::string> addresses) {
    TdsLogin login;
    login.addresses = std::move(addresses);
    login.certificate_name = options.certificate_name;
    login.port = options.port;
    login.username = options.username;
    login.database = options.database;
    login.app_name = options.app_name;
    login.packet_size = options.packet_size;
    login.tls = options.tls;
    if (!options.verify) return login;
    try {
        login.trust = shared.trust.get(options.ca_file);
    } catch (const std::runtime_error& error) {
        throw TdsFailure(core::ErrorClass::configuration, fmt::format("{}: {}", options.ca_file, error.what()));
    }
    return login;
}

std::string begin_mssql_session(TdsConnection& connection, const MssqlOptions& options, const Deadline& deadline) {
    const BatchReply reply = connection.run(session_batch(), deadline);
    if (!connection.good()) throw TdsFailure(describe_failure(connection.observation(), options, Moment::batch));
    std::string encrypted = connection.proves_encryption() ? "true" : "unknown";
    for (const ResultSet& set : reply.sets) {
        if (set.columns.empty() || set.rows.empty() || set.columns.front() != session_set_name) continue;
        const auto option = text_at(set.rows.front(), 0);
        if (!option) continue;
        encrypted = equal_ignoring_case(*option, "TRUE") ? "true" : "false";
    }
    // Without permission the server does not say; the filter on what is sent has proved it all the same.
    const bool required = options.tls == TlsMode::require;
    if (required && (encrypted == "false" || !connection.proves_encryption()))
        throw TdsFailure(core::ErrorClass::tls, "the connection is not encrypted although encrypt is require");
    return encrypted;
}

}  // namespace vitals::prober
