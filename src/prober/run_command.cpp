#include "prober/run_command.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

#include "prober/check_report.h"
#include "prober/connector_set.h"
#include "prober/deadline.h"
#include "prober/exit_code.h"
#include "prober/freetds/freetds_process.h"
#include "prober/password_input.h"
#include "prober/sandbox/inheritance.h"
#include "prober/sandbox/limits.h"
#include "prober/sandbox/sanitizers.h"
#include "prober/serve.h"

namespace vitals::prober {

namespace {

core::Secret password_of(const CheckCommand& command) {
    if (!command.password_file.empty()) return read_password_file(command.password_file);
    return ask_password("Password of " + command.job.username + ": ");
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

    prepare_signals(settings.peer);
    if (from_collector) settle_as_child(command.fd);
    apply_limits(command.memory_limit);
    const FreetdsProcess freetds;
    const ConnectorSet connectors = ConnectorSet::standard(command.allow_local);
    core::Hello hello{VITALS_VERSION, {}};
    if (from_collector && !built_with_sanitizer) let_go_of_standard_error();
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
