// The options of an mssql job, checked before anything touches the network: they become lines of a freetds.conf, where
// a line break or a bracket would be an injection.
#pragma once

#include <cstdint>
#include <string>

#include "core/wire.h"
#include "prober/freetds/tds_connection.h"

namespace vitals::prober {

enum class MssqlAuth {
    sql,       // a login of the server's own
    ntlm,      // DOMAIN\user, by NTLMv2
    kerberos,  // user@REALM
};

struct MssqlOptions {
    std::string host;        // without the brackets of an IPv6 address
    std::uint16_t port = 0;  // 0: the Browser of the host is asked for that of the instance
    std::string instance;    // "instance"; with a port it is not looked up
    std::string username;
    MssqlAuth auth = MssqlAuth::sql;  // "auth"; by default ntlm for a username with a backslash, else sql
    TlsMode tls = TlsMode::require;   // "encrypt": require, request, off
    bool verify = true;               // false by "trust_server_certificate" = true, and unless encrypt is require
    std::string ca_file;              // "ca_file"; the system's bundle by default
    std::string certificate_name;     // "hostname_in_certificate"; the host by default
    std::string database;             // "database", default master
    std::string app_name;             // "app_name", default pg_vitals
    bool read_only = false;           // "application_intent": ReadWrite (default), ReadOnly
    std::string server_spn;           // "server_spn", for Kerberos; by default of the host and the port
    bool procedures = false;          // "mode": batches (default), procedures
    int packet_size = 0;              // "packet_size", 512 … 32767 bytes; 0: as the server likes
};

// Throws TdsFailure of class configuration that names the option and what it may be.
MssqlOptions parse_mssql_options(const core::Job& job);

}  // namespace vitals::prober
