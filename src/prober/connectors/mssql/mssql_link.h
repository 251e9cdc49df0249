// From checked options to a logged-in connection, and from groups to result sets: the two conversations with a server
// that polls and checks share.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/secret.h"
#include "prober/connectors/mssql/mssql_metric.h"
#include "prober/connectors/mssql/mssql_options.h"
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
};

// The login for addresses that were resolved before. Throws TdsFailure of class configuration when the CA file cannot
// be used.
TdsLogin make_tds_login(MssqlShared& shared, const MssqlOptions& options, std::vector<std::string> addresses);

// Sends the session settings over a new connection. Returns what is known of its encryption: "true", "false" or
// "unknown". Throws TdsFailure, of class tls when the server itself says that a connection that must be encrypted is
// not.
std::string begin_mssql_session(TdsConnection& connection, const MssqlOptions& options, const Deadline& deadline);

// What the groups of one poll brought.
struct MssqlReading {
    std::vector<ResultSet> sets;
    std::vector<ServerMessage> errors;
    std::chrono::system_clock::time_point asked;  // our clock before and after the first exchange
    std::chrono::system_clock::time_point answered;
};

// Reads the groups in one batch. A statement that the version does not know ends a batch early: the others are then
// asked again without it. The connection may be broken afterwards (good()).
MssqlReading read_mssql_groups(TdsConnection& connection, const std::vector<MssqlGroup>& groups,
                               const Deadline& deadline);

}  // namespace vitals::prober
