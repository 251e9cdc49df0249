// From checked options to a logged-in connection, which polls and checks share.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/secret.h"
#include "prober/connectors/mssql/mssql_options.h"
#include "prober/connectors/mssql/mssql_plan.h"
#include "prober/deadline.h"
#include "prober/freetds/name_resolver.h"
#include "prober/freetds/tds_connection.h"
#include "prober/freetds/trust_list.h"

namespace vitals::prober {

// What the sessions of one connector share. Threads may use it at the same time.
struct MssqlShared {
    explicit MssqlShared(NameResolver lookups) : resolver(std::move(lookups)) {}

    NameResolver resolver;
    TrustCache trust;
    MssqlPlans plans;
};

// The login for addresses that were resolved before. Throws TdsFailure of class configuration when the CA file cannot
// be used.
TdsLogin make_tds_login(MssqlShared& shared, const MssqlOptions& options, std::vector<std::string> addresses);

// Sends the session settings over a new connection. Returns what is known of its encryption: "true", "false" or
// "unknown". Throws TdsFailure, of class tls when the server itself says that a connection that must be encrypted is
// not.
std::string begin_mssql_session(TdsConnection& connection, const MssqlOptions& options, const Deadline& deadline);

}  // namespace vitals::prober
