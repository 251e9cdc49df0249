#include "prober/command_line.h"

#include <CLI/CLI.hpp>
#include <map>
#include <utility>

#include "core/target_rules.h"
#include "prober/exit_code.h"
#include "prober/version_text.h"

namespace vitals::prober {

namespace {

constexpr int most_threads = 1024;
constexpr int most_ms = 3'600'000;

constexpr const char* description =
    "Polls SQL Servers for pg_vitals. The extension starts it; by hand it tests a connection or runs single jobs.";

constexpr const char* examples =
    "Examples:\n"
    "  vitals_prober check mssql --host sql01.example.com --user vitals\n"
    "      asks for the password and tests name, port, TLS, login and permissions, step by step\n"
    "  vitals_prober check mssql --host sql01.example.com --user vitals --password-file pw.txt --json\n"
    "  vitals_prober check local\n"
    "  echo '{\"job\":1,\"connector\":\"local\"}' | vitals_prober serve --allow-local\n"
    "      reads jobs, one JSON object a line, and writes a greeting and one result a line\n"
    "Exit status: 0 all is well, 1 a check failed, 2 wrong usage, 3 out of memory.";

struct MssqlFlags {
    std::string auth;
    std::string instance;
    std::string application_intent;
    std::string server_spn;
    std::string app_name;
    std::string packet_size;
    std::string encrypt;
    bool trust_server_certificate = false;
    std::string ca_file;
    std::string hostname_in_certificate;
    std::string database;
};

// An error is said where the list was written, and not when the first server is polled.
std::string check_target_rules(const std::string& list) {
    try {
        core::TargetRules::parse(list);
        return {};
    } catch (const core::TargetRulesError& error) {
        return error.what();
    }
}

void define_network(CLI::App& app, NetworkFlags& network) {
    app.add_option("--allowed-targets", network.allowed_targets,
                   "Networks and ports that may be connected to, as vitals.allowed_targets; given more than once, "
                   "each list must allow them")
        ->expected(1)
        ->take_all()
        ->allow_extra_args(false)
        ->check(CLI::Validator([](const std::string& list) { return check_target_rules(list); }, "LIST"));
    app.add_option("--krb5-config", network.krb5_config, "Configuration of Kerberos instead of /etc/krb5.conf");
    app.add_option("--keytab", network.keytab, "Keys for Kerberos logins without a password");
}

void define_serve(CLI::App& serve, ServeCommand& command) {
    define_network(serve, command.network);
    serve.add_option("--own-port", command.network.own_port, "Port of the database server, which is no target");
    serve.add_option("--fd", command.fd, "Socket to the collector instead of standard input and output")
        ->check(CLI::Range(3, most_threads));
    serve.add_option("--threads", command.threads, "Jobs that run at the same time")
        ->check(CLI::Range(1, most_threads))
        ->capture_default_str();
    serve.add_option("--memory-limit", command.memory_limit, "Bytes of address space; more ends the process");
    serve
        .add_option_function<int>(
            "--grace-ms", [&command](int ms) { command.grace = std::chrono::milliseconds(ms); },
            "Time for what is in flight when SIGTERM arrives")
        ->check(CLI::Range(0, most_ms))
        ->default_str("5000");
    serve.add_flag("--allow-local", command.allow_local, "Allow the connector local, which shows this machine");
    serve.add_option("--ca-directory", command.ca_directory, "A further directory that ca_file may be in");
}

void define_common(CLI::App& check, CheckCommand& command) {
    check
        .add_option_function<int>(
            "--timeout-ms", [&command](int ms) { command.job.deadline = std::chrono::milliseconds(ms); },
            "Time for all steps together")
        ->check(CLI::Range(1, most_ms))
        ->default_str("10000");
    check.add_flag("--json", command.json, "Print one JSON object");
}

void define_mssql(CLI::App& check, CheckCommand& command, MssqlFlags& flags) {
    check.add_option("--host", command.job.host, "Name or address of the server")->required();
    check.add_option("--port", command.job.port, "TCP port (default: 1433, or that of --instance)")
        ->check(CLI::Range(1, 65535));
    check.add_option("--instance", flags.instance, "Named instance; without --port its port is asked for (UDP 1434)");
    check.add_option("--user", command.job.username, "Login: name, DOMAIN\\name, or name@REALM with --auth kerberos")
        ->required();
    check.add_option("--auth", flags.auth, "sql, ntlm (default for DOMAIN\\name) or kerberos")
        ->check(CLI::IsMember({"sql", "ntlm", "kerberos"}));
    check.add_option("--server-spn", flags.server_spn, "Service principal name (default: MSSQLSvc/host:port)");
    check.add_option("--password-file", command.password_file,
                     "File whose first line is the password; without it the password is asked for");
    check.add_option("--encrypt", flags.encrypt, "require (default), request or off")
        ->check(CLI::IsMember({"require", "request", "off"}));
    check.add_flag("--trust-server-certificate", flags.trust_server_certificate,
                   "Accept any certificate: anyone in between can read the password");
    check.add_option("--ca-file", flags.ca_file, "Certificates to trust instead of the system's")
        ->check(CLI::ExistingFile);
    check.add_option("--hostname-in-certificate", flags.hostname_in_certificate,
                     "Name the certificate must have, if not that of --host");
    check.add_option("--database", flags.database, "Database to log in to (default: master)");
    check.add_option("--application-intent", flags.application_intent, "ReadWrite (default) or ReadOnly")
        ->check(CLI::IsMember({"ReadWrite", "ReadOnly"}));
    check.add_option("--app-name", flags.app_name, "Name of the program at the server (default: pg_vitals)");
    check.add_option("--packet-size", flags.packet_size, "Bytes, 512 to 32767")->check(CLI::Range(512, 32767));
    define_network(check, command.network);
    define_common(check, command);
}

core::Options options_of(const MssqlFlags& flags) {
    core::Options options;
    const auto put = [&options](const char* name, const std::string& value) {
        if (!value.empty()) options.emplace(name, value);
    };
    put("encrypt", flags.encrypt);
    put("ca_file", flags.ca_file.empty() ? "" : std::filesystem::absolute(flags.ca_file).string());
    put("hostname_in_certificate", flags.hostname_in_certificate);
    put("database", flags.database);
    put("auth", flags.auth);
    put("instance", flags.instance);
    put("application_intent", flags.application_intent);
    put("server_spn", flags.server_spn);
    put("app_name", flags.app_name);
    put("packet_size", flags.packet_size);
    if (flags.trust_server_certificate) options.emplace("trust_server_certificate", "true");
    return options;
}

}  // namespace

Command parse_command_line(int count, const char* const* words) {
    ServeCommand serve_command;
    CheckCommand check_command;
    MssqlFlags flags;
    check_command.job.kind = core::JobKind::check;
    check_command.job.deadline = std::chrono::seconds(10);
    check_command.job.interval = std::chrono::seconds(60);

    CLI::App app(description, "vitals_prober");
    app.set_version_flag("--version", version_text());
    app.footer(examples);
    app.require_subcommand(0, 1);
    CLI::App* serve = app.add_subcommand("serve", "Read jobs and write results (the default)");
    define_serve(*serve, serve_command);
    CLI::App* check = app.add_subcommand("check", "Test the connection to a target step by step");
    check->require_subcommand(1);
    CLI::App* mssql = check->add_subcommand("mssql", "A Microsoft SQL Server");
    define_mssql(*mssql, check_command, flags);
    CLI::App* local = check->add_subcommand("local", "This machine");
    define_common(*local, check_command);

    try {
        app.parse(count, words);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? exit_ok : exit_usage;
    }
    if (!check->parsed()) return serve_command;
    check_command.job.connector = mssql->parsed() ? "mssql" : "local";
    check_command.needs_password = mssql->parsed();
    if (mssql->parsed()) {
        check_command.job.options = options_of(flags);
        constexpr std::uint16_t usual_port = 1433;
        if (check_command.job.port == 0 && flags.instance.empty()) check_command.job.port = usual_port;
        // What proves the login is in the file.
        if (!check_command.network.keytab.empty()) check_command.needs_password = false;
    }
    return check_command;
}

}  // namespace vitals::prober
