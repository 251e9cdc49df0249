// What went wrong, in the closed list of error classes and in one sentence that a person can act upon. FreeTDS reports
// a dozen different causes as "connection failed": the cause is derived from what the guard observed.
#pragma once

#include <string>
#include <string_view>

#include "core/wire.h"
#include "prober/connectors/mssql/mssql_options.h"
#include "prober/freetds/connection_guard.h"

namespace vitals::prober {

// Where an error of the server was met: some numbers mean different things.
enum class Moment { login, batch };

// How far a connection attempt came.
enum class ConnectStep { tcp, tls, login };

core::ErrorClass class_of_server_error(int number, Moment moment) noexcept;

// Text of a server, made fit for a message: at most 512 bytes, cut at a character boundary, control characters
// replaced.
std::string clean_server_text(std::string_view text);

// Why there is no connection, or why an existing one broke in a batch.
core::Failure describe_failure(const Observation& seen, const MssqlOptions& options, Moment moment);

// What an error of a statement means while the connection is fine. The first of several counts: what follows is its
// consequence (300 is followed by 297).
core::Failure describe_server_error(const ServerMessage& error, const MssqlOptions& options, Moment moment);

// The step at which a failed attempt ended.
ConnectStep failed_step(const Observation& seen) noexcept;

}  // namespace vitals::prober
