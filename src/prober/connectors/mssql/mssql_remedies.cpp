#include "prober/connectors/mssql/mssql_remedies.h"

#include <fmt/format.h>

#include "prober/connectors/mssql/mssql_grants.h"

namespace vitals::prober {

namespace {

using core::ErrorClass;

constexpr std::string_view leave_out = "leave the group out of metrics_enabled";
constexpr std::string_view install_procedures =
    "run docs/mssql/install_procedures.sql of this version of pg_vitals there as an administrator";
constexpr int no_such_procedure = 2812;

std::string right_of_the_message(const MssqlOptions& options) {
    return fmt::format("give {} the right that the message names", in_brackets(options.username));
}

// vitals.alter_metric_group with the argument to change.
std::string alteration(const core::MetricGroup& group, std::string_view argument) {
    return fmt::format("vitals.alter_metric_group('{}', {} => …)", group.name, argument);
}

// Whoever wrote the statement can mend it: in the mode procedures it stands in the procedure.
std::string remedy_for_own_group(const core::Failure& failure, const core::MetricGroup& group,
                                 const MssqlOptions& options) {
    const auto where_it_stands = [&](std::string_view argument) {
        return options.procedures ? fmt::format("vitals.collect_{} on that server", group.name)
                                  : alteration(group, argument);
    };
    switch (failure.error_class) {
        case ErrorClass::timeout:
            return fmt::format("make its statement cheaper, or give it longer: {}, at most vitals.collection_timeout",
                               alteration(group, "timeout"));
        case ErrorClass::version:
            if (failure.number == no_such_procedure && options.procedures)
                return fmt::format("make the procedure vitals.collect_{} there, with the statement of the group",
                                   group.name);
            return fmt::format("correct the name, or give each version the statement that it understands: {}",
                               where_it_stands("variants"));
        case ErrorClass::protocol:
            return fmt::format("its statement is to be one SELECT with few rows: {}", where_it_stands("sql"));
        case ErrorClass::server_error:
            if (failure.number == 0)
                return fmt::format("name the columns as its statement does, or the other way round: {}",
                                   alteration(group, "metrics"));
            return fmt::format("run its statement there as {} and correct it: {}", in_brackets(options.username),
                               where_it_stands("sql"));
        default:
            return "";
    }
}

// What the connector reads for itself cannot be left out, and every SQL Server has it.
std::string remedy_for_own_reading(const core::Failure& failure, const MssqlOptions& options) {
    switch (failure.error_class) {
        case ErrorClass::timeout:
            return "see in sys.dm_exec_requests what it waits for, or raise vitals.collection_timeout";
        case ErrorClass::permission:
            if (options.procedures)
                return fmt::format(
                    "let the login execute the procedures there: ALTER ROLE vitals_collector ADD MEMBER {}",
                    in_brackets(options.username));
            return right_of_the_message(options);
        case ErrorClass::version:
        case ErrorClass::protocol:
            if (options.procedures) return std::string(install_procedures);
            return "check host and port, and that nothing between changes what is sent: "
                   "a SQL Server from 2012 on answers this";
        default:
            return "look the number of the error up, and see the error log of the server";
    }
}

// `counters`: it reads the performance counters, which have the same columns everywhere.
std::string remedy_for_builtin_group(const core::Failure& failure, bool counters, const MssqlOptions& options) {
    const bool no_rows = failure.error_class == ErrorClass::server_error && failure.number == 0 && counters;
    const bool other_columns = failure.error_class == ErrorClass::server_error && failure.number == 0 && !counters;
    if (options.procedures && (failure.error_class == ErrorClass::version || other_columns))
        return std::string(install_procedures);
    switch (failure.error_class) {
        case ErrorClass::timeout:
            return fmt::format("see in sys.dm_exec_requests what it waits for; raise vitals.collection_timeout, or {}",
                               leave_out);
        case ErrorClass::version:
            return fmt::format("this build of SQL Server lacks what it reads: {}", leave_out);
        case ErrorClass::server_error:
            if (no_rows)
                return "load the performance counters there (lodctr) and restart the service, or leave the group out "
                       "of metrics_enabled";
            return fmt::format("look the number of the error up; {} where it cannot be mended", leave_out);
        default:
            // Also where somebody changed the procedure.
            if (options.procedures) return fmt::format("{}; if that does not help, {}", install_procedures, leave_out);
            return fmt::format("its answer cannot be used: {}", leave_out);
    }
}

}  // namespace

std::string remedy_for_tls(const MssqlOptions& options, const Observation& seen) {
    if (seen.name_matches == false)
        return "set option hostname_in_certificate to the name in the certificate, or use that name as host";
    if ((seen.verify_status & GNUTLS_CERT_EXPIRED) != 0) return "renew the certificate of the server";
    if (seen.verify_status != 0)
        return fmt::format(
            "set option ca_file to the authority that signed it (now {}); weaker: trust_server_certificate = true",
            options.ca_file);
    // It was begun because the server wanted it.
    if (seen.handshake_started && options.tls == TlsMode::off)
        return "the server demands encryption: set option encrypt = require";
    if (seen.handshake_started) return "enable TLS 1.2 on the server, and see its error log";
    return "enable encryption on the server; weaker: option encrypt = request";
}

std::string remedy_for_kerberos(const core::Failure& failure) {
    switch (failure.error_class) {
        case ErrorClass::timeout:
        case ErrorClass::unreachable:
            return "check the realm in krb5.conf and the way to its key distribution centres, which must be allowed "
                   "targets too (port 88)";
        case ErrorClass::configuration:
            return "check vitals.krb5_config and vitals.keytab_directory";
        default:
            return "check name and password, and with setspn -L the service principal name; option server_spn "
                   "changes it";
    }
}

std::string remedy_for_opening(const core::Failure& failure) {
    switch (failure.error_class) {
        case ErrorClass::protocol:
            return "check host and port: something else answers there";
        case ErrorClass::timeout:
        case ErrorClass::connection_lost:
            return "check host and port: what listens there does not answer as a SQL Server does; "
                   "if it is one, see its error log, and what is between (a proxy, a firewall)";
        default:
            return "see the error log of the server";
    }
}

std::string remedy_for_login(const core::Failure& failure, const MssqlOptions& options) {
    switch (failure.error_class) {
        case ErrorClass::login:
            if (options.auth == MssqlAuth::ntlm)
                return fmt::format("check name and password; on the server: CREATE LOGIN {} FROM WINDOWS",
                                   in_brackets(options.username));
            return fmt::format(
                "check name and password; on the server: CREATE LOGIN {} WITH PASSWORD = …, SQL Server "
                "authentication enabled, database {} accessible",
                in_brackets(options.username), options.database);
        case ErrorClass::starting:
            return "wait until the server has finished starting";
        case ErrorClass::connection_lost:
            return "see in the error log of the server why it ended the connection";
        case ErrorClass::protocol:
            return "check host and port: something else answers there";
        default:
            return "see the error log of the server";
    }
}

std::string remedy_for_session(const core::Failure& failure) {
    switch (failure.error_class) {
        case ErrorClass::connection_lost:
            return "see in the error log of the server what ended the connection; "
                   "if it is not there, something between did (a proxy, a firewall)";
        case ErrorClass::protocol:
            return "check host and port: what answers there logs in as a SQL Server does, and does not answer as one";
        default:
            return "see the error log of the server";
    }
}

std::string remedy_for_permission(std::string_view permission, const MssqlServer& server, const MssqlOptions& options) {
    if (permission.empty()) return right_of_the_message(options);
    // Who may only execute procedures is given nothing else.
    if (options.procedures)
        return "run docs/mssql/install_procedures.sql there as an administrator, and let the login execute the schema "
               "vitals";
    return grant_statement(permission, server.major_version(), server.engine_edition.value_or(0), options.username);
}

std::string remedy_for_group(const core::Failure& failure, const core::MetricGroup* group,
                             const MssqlOptions& options) {
    switch (failure.error_class) {
        case ErrorClass::database_unavailable:
            if (group == nullptr) return "bring the database online";
            return fmt::format("bring the database online, or {}", leave_out);
        case ErrorClass::pressure:
            return "the server is short of memory or of other resources: look after it, and test again";
        case ErrorClass::connection_lost:
            if (group == nullptr) return remedy_for_session(failure);
            return fmt::format("see in the error log of the server what ended the connection; {} if it does so again",
                               leave_out);
        case ErrorClass::timeout:
        case ErrorClass::permission:
        case ErrorClass::version:
        case ErrorClass::protocol:
        case ErrorClass::server_error:
            if (group == nullptr) return remedy_for_own_reading(failure, options);
            if (!group->builtin) return remedy_for_own_group(failure, *group, options);
            return remedy_for_builtin_group(failure, group->rows_layout, options);
        default:
            return "see the error log of the server";
    }
}

std::string remedy_for_rows(const core::MetricGroup& group) {
    if (group.builtin) return fmt::format("take only some of its metrics, or {}", leave_out);
    return fmt::format("let its statement give fewer rows, or use more of them: {}", alteration(group, "row_limit"));
}

}  // namespace vitals::prober
