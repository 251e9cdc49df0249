// The options of an mssql job, checked before anything touches the network: they become lines of a freetds.conf, where
// a line break or a bracket would be an injection.
#pragma once

#include <cstdint>
#include <string>

#include "core/wire.h"
#include "prober/freetds/tds_connection.h"

namespace vitals::prober {

struct MssqlOptions {
    std::string host;  // without the brackets of an IPv6 address
    std::uint16_t port = 1433;
    std::string username;
    TlsMode tls = TlsMode::require;  // "encrypt": require, request, off
    bool verify = true;              // false by "trust_server_certificate" = true, and unless encrypt is require
    std::string ca_file;             // "ca_file"; the system's bundle by default
    std::string certificate_name;    // "hostname_in_certificate"; the host by default
    std::string database;            // "database", default master
    std::string app_name;            // "app_name", default pg_vitals
    bool procedures = false;         // "mode": batches (default) or procedures
    int packet_size = 0;             // "packet_size", 512 … 32767 bytes; 0: as the server likes
};

// Throws TdsFailure of class configuration that names the option and what it may be.
MssqlOptions parse_mssql_options(const core::Job& job);

}  // namespace vitals::prober
