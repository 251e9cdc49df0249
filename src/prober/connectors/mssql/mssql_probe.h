// Asks whether a SQL Server is there, for one that was not: a TCP connection and the answer to PRELOGIN, without a
// login.
#pragma once

#include "core/wire.h"
#include "prober/connectors/mssql/mssql_link.h"
#include "prober/deadline.h"

namespace vitals::prober {

// The outcome is ok, or failed with the class that a poll would have failed with. No values.
core::Result probe_mssql(MssqlShared& shared, const core::Job& job, const Deadline& deadline);

}  // namespace vitals::prober
