// The connector "mssql": reads the metrics of a Microsoft SQL Server over TDS, agentless, without changing anything
// there.
#pragma once

#include <memory>
#include <string>

#include "prober/connector.h"

namespace vitals::prober {

// Needs a FreetdsProcess that lives longer than every session. keytab: a file for Kerberos logins without a password;
// empty where there is none.
std::unique_ptr<Connector> make_mssql_connector(std::string keytab = {});

}  // namespace vitals::prober
