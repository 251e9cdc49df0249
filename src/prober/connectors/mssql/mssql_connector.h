// The connector "mssql": reads the metrics of a Microsoft SQL Server over TDS, agentless, without changing anything
// there.
#pragma once

#include <memory>

#include "prober/connector.h"

namespace vitals::prober {

// Needs a FreetdsProcess that lives longer than every session.
std::unique_ptr<Connector> make_mssql_connector();

}  // namespace vitals::prober
