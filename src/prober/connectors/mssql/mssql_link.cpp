#include "prober/connectors/mssql/mssql_link.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "prober/connectors/mssql/mssql_batch.h"
#include "prober/connectors/mssql/mssql_errors.h"
#include "prober/freetds/kerberos_login.h"
#include "prober/freetds/tds_failure.h"
#include "prober/target_gate.h"

namespace vitals::prober {

namespace {

TdsLogin make_tds_login(MssqlShared& shared, const MssqlOptions& options, const MssqlLocation& location) {
    TdsLogin login;
    login.addresses = location.addresses;
    login.certificate_name = options.certificate_name;
    login.port = location.port;
    login.username = options.username;
    login.database = options.database;
    login.app_name = options.app_name;
    login.packet_size = options.packet_size;
    login.read_only = options.read_only;
    login.tls = options.tls;
    login.server_spn =
        options.server_spn.empty() ? fmt::format("MSSQLSvc/{}:{}", options.host, location.port) : options.server_spn;
    if (!options.verify) return login;
    try {
        login.trust = shared.trust.get(options.ca_file);
    } catch (const std::runtime_error& error) {
        throw TdsFailure(core::ErrorClass::configuration, fmt::format("{}: {}", options.ca_file, error.what()));
    }
    return login;
}

std::shared_ptr<KerberosLogin> make_kerberos_login(MssqlShared& shared, const MssqlOptions& options,
                                                   const core::Secret& password) {
    if (password.empty() && shared.keytab.empty())
        throw TdsFailure(
            core::ErrorClass::configuration,
            "option auth = kerberos needs a password, or a keytab of the tenant in vitals.keytab_directory");
    return std::make_shared<KerberosLogin>(
        KerberosIdentity{options.username, core::Secret(password.reveal()), shared.keytab}, shared.kerberos_threads);
}

}  // namespace

MssqlLocation locate_mssql_at(MssqlShared& shared, const MssqlOptions& options,
                              const std::vector<std::string>& addresses, const Deadline& deadline) {
    MssqlLocation location;
    location.port =
        options.port != 0 ? options.port : shared.browser.port_of(options.host, addresses, options.instance, deadline);
    location.addresses = keep_allowed(addresses, location.port, options.host);
    return location;
}

MssqlLocation locate_mssql(MssqlShared& shared, const MssqlOptions& options, const Deadline& deadline) {
    return locate_mssql_at(shared, options, shared.resolver.resolve(options.host, deadline), deadline);
}

std::unique_ptr<TdsConnection> open_mssql_connection(MssqlShared& shared, const MssqlOptions& options,
                                                     const MssqlLocation& location, const core::Secret& password,
                                                     const Deadline& deadline) {
    const bool kerberos = options.auth == MssqlAuth::kerberos;
    TdsLogin login = make_tds_login(shared, options, location);
    if (kerberos) login.kerberos = make_kerberos_login(shared, options, password);
    const core::Secret nothing;
    auto connection = std::make_unique<TdsConnection>(login, kerberos ? nothing : password, deadline);
    // An instance may have got another port since the Browser was asked.
    if (!connection->good() && options.port == 0) shared.browser.forget(options.host, options.instance);
    return connection;
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
