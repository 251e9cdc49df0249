// The closed list of reasons why a poll fails. Every connector maps what its library says to one of these, so that
// statuses, events and documentation speak one language whatever is being polled.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace vitals::core {

enum class ErrorClass {
    name_lookup,           // the host name does not resolve, or not in time
    not_allowed,           // the address or port is not among the targets that the administrator allows
    refused,               // nothing listens on the port
    unreachable,           // no route, reset during connect, other socket errors
    timeout,               // the deadline passed, wherever the poll was
    protocol,              // the peer does not speak the expected protocol ("not a SQL Server at all")
    tls,                   // no TLS, handshake failed, certificate not trusted, wrong name or expired
    login,                 // wrong name or password, login disabled, expired
    database_unavailable,  // the database asked for is offline or not readable
    starting,              // the server is starting, in script upgrade, paused or shutting down
    permission,            // logged in, but may not read what is asked
    version,               // the query does not exist in this version
    yielded,               // we gave way: lock timeout or deadlock victim; not a fault
    pressure,              // the server is out of memory or other resources
    server_error,          // any other error the server reports
    connection_lost,       // the connection broke during the poll
    configuration,         // the job itself is wrong: unknown connector, bad option
    prober_lost,           // the prober that ran the poll crashed or was killed (set by the collector)
    internal,              // a defect of ours
};

constexpr std::size_t error_class_count = static_cast<std::size_t>(ErrorClass::internal) + 1;

// The name used in SQL, logs and on the wire, for example "name_lookup".
std::string_view to_text(ErrorClass error_class) noexcept;
// The inverse; nothing for an unknown name.
std::optional<ErrorClass> error_class_from_text(std::string_view text) noexcept;

}  // namespace vitals::core
