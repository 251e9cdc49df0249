// From checked options to a logged-in connection, which polls and checks share.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/secret.h"
#include "prober/connectors/mssql/mssql_browser.h"
#include "prober/connectors/mssql/mssql_options.h"
#include "prober/connectors/mssql/mssql_plan.h"
#include "prober/deadline.h"
#include "prober/freetds/left_behind.h"
#include "prober/freetds/name_resolver.h"
#include "prober/freetds/tds_connection.h"
#include "prober/freetds/trust_list.h"

namespace vitals::prober {

// As with name lookups: more at once happens only when key distribution centres do not answer.
constexpr int max_kerberos_logins = 64;

// What the sessions of one connector share. Threads may use it at the same time.
struct MssqlShared {
    MssqlShared(NameResolver lookups, std::string keytab_file)
        : resolver(std::move(lookups)), keytab(std::move(keytab_file)) {}

    NameResolver resolver;
    TrustCache trust;
    MssqlPlans plans;
    MssqlBrowser browser;
    LeftBehind kerberos_threads{max_kerberos_logins};
    std::string keytab;  // for Kerberos logins without a password; empty: there is none
};

// Where a server is: addresses that may be connected to, at least one, and its port.
struct MssqlLocation {
    std::vector<std::string> addresses;
    std::uint16_t port = 0;
};

// Resolves the name, asks the Browser where only the instance is known, and leaves out what is no allowed target.
// Throws TdsFailure.
MssqlLocation locate_mssql(MssqlShared& shared, const MssqlOptions& options, const Deadline& deadline);
// The second half of it, for addresses that were resolved before.
MssqlLocation locate_mssql_at(MssqlShared& shared, const MssqlOptions& options,
                              const std::vector<std::string>& addresses, const Deadline& deadline);

// Logs in. On failure there is no connection (good() is false). Throws TdsFailure of class configuration when the CA
// file cannot be used or nothing proves a Kerberos login.
std::unique_ptr<TdsConnection> open_mssql_connection(MssqlShared& shared, const MssqlOptions& options,
                                                     const MssqlLocation& location, const core::Secret& password,
                                                     const Deadline& deadline);

// Sends the session settings over a new connection. Returns what is known of its encryption: "true", "false" or
// "unknown". Throws TdsFailure, of class tls when the server itself says that a connection that must be encrypted is
// not.
std::string begin_mssql_session(TdsConnection& connection, const MssqlOptions& options, const Deadline& deadline);

}  // namespace vitals::prober
