#include "prober/run_command.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
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

namespace vitals::prober {

namespace {

core::Secret password_of(const CheckCommand& command) {
    if (!command.password_file.empty()) return read_password_file(command.password_file);
    return ask_password("Password of " + command.job.username + ": ");
}

// The same sandbox as a prober of the collector has: what works here works there, given the same CA file.
SandboxSettings sandbox_for(const core::Job& job) {
    SandboxSettings sandbox{.allow_local = true, .ca_paths = {}};
    const auto ca_file = job.options.find("ca_file");
    if (ca_file != job.options.end()) sandbox.ca_paths.push_back(ca_file->second);
    return sandbox;
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
    const FreetdsProcess freetds;
    ConnectorSet connectors = ConnectorSet::standard(command.allow_local);
    if (from_collector && !built_with_sanitizer) let_go_of_standard_error();
    SandboxSettings sandbox{.allow_local = command.allow_local, .ca_paths = {}};
    if (!command.ca_directory.empty()) sandbox.ca_paths.push_back(command.ca_directory);
    const core::Hello hello{VITALS_VERSION, enter_sandbox(sandbox)};
    // A directory of certificates that is made or replaced later is out of reach just so.
    std::vector<std::string> watched = name_service_files();
    watched.insert(watched.end(), sandbox.ca_paths.begin(), sandbox.ca_paths.end());
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
    const FreetdsProcess freetds;
    const ConnectorSet connectors = ConnectorSet::standard(true);
    const Connector* connector = connectors.find(job.connector);
    enter_sandbox(sandbox_for(job));
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
