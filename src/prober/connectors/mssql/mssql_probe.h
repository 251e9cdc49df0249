// Whether a SQL Server is there at all: TCP and the first packet of TDS, without TLS and login. What a server that is
// known to be away costs again and again.
#pragma once

#include "prober/connectors/mssql/mssql_link.h"
#include "prober/connectors/mssql/mssql_options.h"
#include "prober/deadline.h"

namespace vitals::prober {

// Returns when a SQL Server has answered PRELOGIN. Throws TdsFailure.
void probe_mssql(MssqlShared& shared, const MssqlOptions& options, const Deadline& deadline);

}  // namespace vitals::prober
