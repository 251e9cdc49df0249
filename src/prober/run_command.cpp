#include "prober/run_command.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "prober/check_report.h"
#include "prober/connector_set.h"
#include "prober/deadline.h"
#include "prober/exit_code.h"
#include "prober/freetds/freetds_process.h"
#include "prober/password_input.h"
#include "prober/sandbox/file_watch.h"
#include "prober/sandbox/inheritance.h"
#include "prober/sandbox/limits.h"
#include "prober/sandbox/sandbox.h"
#include "prober/sandbox/sanitizers.h"
#include "prober/serve.h"
#include "prober/target_gate.h"

namespace vitals::prober {

namespace {

core::Secret password_of(const CheckCommand& command) {
    if (!command.password_file.empty()) return read_password_file(command.password_file);
    return ask_password("Password of " + command.job.username + ": ");
}

SandboxSettings sandbox_for(const NetworkFlags& network, bool allow_local) {
    return {.allow_local = allow_local, .ca_paths = {}, .krb5_config = network.krb5_config, .keytab = network.keytab};
}

// The same sandbox as a prober of the collector has: what works here works there, given the same CA file.
SandboxSettings sandbox_for(const CheckCommand& command) {
    SandboxSettings sandbox = sandbox_for(command.network, true);
    const auto ca_file = command.job.options.find("ca_file");
    if (ca_file != command.job.options.end()) sandbox.ca_paths.push_back(ca_file->second);
    return sandbox;
}

GateSettings gate_for(const NetworkFlags& network) {
    GateSettings gate{.rules = {}, .own_port = network.own_port};
    for (const std::string& list : network.allowed_targets)
        gate.rules.push_back(core::TargetRules::parse(list));
    return gate;
}

// Single threaded, before anything of Kerberos is used. Nobody's tickets or keys are found by accident.
void prepare_kerberos(const NetworkFlags& network) {
    // NOLINTBEGIN(concurrency-mt-unsafe)
    if (!network.krb5_config.empty()) setenv("KRB5_CONFIG", network.krb5_config.c_str(), 1);
    setenv("KRB5CCNAME", "MEMORY:", 1);
    setenv("KRB5_CLIENT_KTNAME", "/dev/null", 1);
    setenv("KRB5_KTNAME", "/dev/null", 1);
    // NOLINTEND(concurrency-mt-unsafe)
}

void report_stuck(int /*signal*/) {
    constexpr std::string_view message = "vitals_prober: the check did not end in time\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, message.data(), message.size());
    _exit(exit_failed);
}

// There is no collector that would kill a check which its peer keeps busy.
void end_when_stuck(std::chrono::milliseconds deadline) {
    struct sigaction action {};
    action.sa_handler = report_stuck;
    sigaction(SIGALRM, &action, nullptr);
    alarm(static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(deadline).count()) + 1);
}

}  // namespace

void run_serve(const ServeCommand& command) {
    const bool from_collector = command.fd >= 0;
    ServeSettings settings;
    settings.peer = from_collector ? ServeSettings::Peer::collector : ServeSettings::Peer::person;
    settings.input_fd = from_collector ? command.fd : STDIN_FILENO;
    settings.output_fd = from_collector ? command.fd : STDOUT_FILENO;
    settings.threads = command.threads;
    settings.grace = command.grace;

    if (isatty(settings.input_fd) == 1)
        fmt::print(stderr, "vitals_prober: reading jobs from the terminal, one JSON object a line; see --help\n");
    prepare_signals(settings.peer);
    if (from_collector) settle_as_child(command.fd);
    apply_limits(command.memory_limit);
    prepare_kerberos(command.network);
    const FreetdsProcess freetds;
    const TargetGate gate(gate_for(command.network));
    ConnectorSet connectors = ConnectorSet::standard(command.allow_local, command.network.keytab);
    if (from_collector && !built_with_sanitizer) let_go_of_standard_error();
    SandboxSettings sandbox = sandbox_for(command.network, command.allow_local);
    if (!command.ca_directory.empty()) sandbox.ca_paths.push_back(command.ca_directory);
    const core::Hello hello{VITALS_VERSION, enter_sandbox(sandbox)};
    // A directory of certificates that is made or replaced later is out of reach just so.
    std::vector<std::string> watched = name_service_files();
    watched.insert(watched.end(), sandbox.ca_paths.begin(), sandbox.ca_paths.end());
    for (const std::string& path : {sandbox.krb5_config, sandbox.keytab}) {
        if (!path.empty()) watched.push_back(path);
    }
    settings.outdated = [watch = FileWatch(std::move(watched))] { return watch.outdated(); };
    serve(settings, connectors, hello);
}

int run_check(CheckCommand command) {
    core::Job& job = command.job;
    try {
        if (command.needs_password) job.password = password_of(command);
    } catch (const std::runtime_error& error) {
        fmt::print(stderr, "vitals_prober: {}\n", error.what());
        return exit_usage;
    }
    apply_limits(0);
    prepare_kerberos(command.network);
    const FreetdsProcess freetds;
    const TargetGate gate(gate_for(command.network));
    const ConnectorSet connectors = ConnectorSet::standard(true, command.network.keytab);
    const Connector* connector = connectors.find(job.connector);
    enter_sandbox(sandbox_for(command));
    if (connector == nullptr) throw std::logic_error("connector is unknown: " + job.connector);

    end_when_stuck(job.deadline);
    const auto started = Deadline::Clock::now();
    core::Result result = connector->open_session()->check(job, Deadline::after(job.deadline));
    result.duration_ms = std::chrono::duration<double, std::milli>(Deadline::Clock::now() - started).count();
    if (command.json) {
        fmt::print("{}\n", core::encode(result));
    } else {
        fmt::print("{}", describe_checks(result));
    }
    return all_passed(result) ? exit_ok : exit_failed;
}

}  // namespace vitals::prober
