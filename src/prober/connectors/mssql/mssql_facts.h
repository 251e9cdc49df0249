// What is reported about a server beside its metrics.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "prober/connectors/mssql/mssql_server.h"

namespace vitals::prober {

// Our clock before and after the exchange that asked for the server's.
struct AskedAt {
    std::chrono::system_clock::time_point asked;
    std::chrono::system_clock::time_point answered;
};

// version, edition, engine_edition, server_name, encrypted ("true", "false", "unknown"), clock_skew_ms; what the server
// did not say is left out.
std::map<std::string, std::string> mssql_facts(const MssqlServer& server, const AskedAt& moment,
                                               const std::string& encrypted);

// The server's clock minus ours in milliseconds, ours taken in the middle between question and answer. Nothing when the
// server did not say.
std::optional<std::int64_t> mssql_clock_skew_ms(const MssqlServer& server, const AskedAt& moment);

}  // namespace vitals::prober
