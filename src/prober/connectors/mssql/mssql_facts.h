// What is reported about a server beside its metrics.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "prober/connectors/mssql/mssql_link.h"
#include "prober/connectors/mssql/mssql_sample.h"

namespace vitals::prober {

// version, edition, engine_edition, server_name, encrypted ("true", "false", "unknown"), clock_skew_ms; what the server
// did not say is left out.
std::map<std::string, std::string> mssql_facts(const MssqlSample& sample, const MssqlReading& reading,
                                               const std::string& encrypted);

// The server's clock minus ours in milliseconds, ours taken in the middle between question and answer. Nothing when the
// server did not say.
std::optional<std::int64_t> mssql_clock_skew_ms(const MssqlSample& sample, const MssqlReading& reading);

}  // namespace vitals::prober
