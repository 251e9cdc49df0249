// The simulated SQL Server as a program: sets the process up, tells on stdout where it listens, runs until told to end.
#include <fmt/format.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>

#include "tds_server/command_line.h"
#include "tds_server/control_port.h"
#include "tds_server/server_farm.h"

namespace {

using tds_server::CommandLine;
using tds_server::ControlPort;
using tds_server::ServerFarm;

void allow_many_sockets(std::size_t servers) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    // One that listens and one that is connected for each, and some of the process's own.
    constexpr rlim_t others = 64;
    const rlim_t needed = 2 * servers + others;
    if (limit.rlim_cur < needed)
        fmt::print(stderr, "tds_server: {} servers need {} file descriptors, the limit is {}\n", servers, needed,
                   limit.rlim_cur);
}

// Ends the process when its parent does: by signal, or by the end of stdin where a process between them survives.
class ParentWatch {
  public:
    explicit ParentWatch(asio::io_context& context) : context_(context), input_(context, dup(STDIN_FILENO)) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        wait();
    }

  private:
    void wait() {
        input_.async_read_some(asio::buffer(buffer_), [this](std::error_code error, std::size_t) {
            if (error) return context_.stop();
            wait();
        });
    }

    asio::io_context& context_;
    asio::posix::stream_descriptor input_;
    std::array<char, 64> buffer_{};
};

void tell_ready(const CommandLine& command_line, ServerFarm& farm, const std::optional<ControlPort>& control) {
    nlohmann::ordered_json line{{"ready", true}, {"ports", nlohmann::json::array()}};
    for (std::size_t i = 0; i < farm.size(); ++i)
        line["ports"].push_back(farm.server(i).endpoint().port());
    if (command_line.loopback_addresses)
        for (std::size_t i = 0; i < farm.size(); ++i)
            line["addresses"].push_back(farm.server(i).endpoint().address().to_string());
    line["browser_port"] = farm.browser() != nullptr ? nlohmann::json(farm.browser()->port()) : nlohmann::json();
    line["control_port"] = control ? nlohmann::json(control->port()) : nlohmann::json();
    line["ca"] = command_line.ca_out.empty() ? nlohmann::json() : nlohmann::json(command_line.ca_out);
    fmt::print("{}\n", line.dump());
    std::fflush(stdout);
}

// Replies come and go by the thousand: giving their memory back to the system in between costs more than all else.
void keep_memory() {
    constexpr int most_kept = 256 << 20;
    mallopt(M_TRIM_THRESHOLD, most_kept);
    mallopt(M_MMAP_THRESHOLD, most_kept / 16);
}

void run(const CommandLine& command_line) {
    keep_memory();
    allow_many_sockets(command_line.servers);
    asio::io_context context(1);
    ServerFarm farm(context, command_line);
    std::optional<ControlPort> control;
    if (command_line.control_port) control.emplace(context, farm, *command_line.control_port);
    std::optional<ParentWatch> parent;
    if (command_line.exit_with_parent) parent.emplace(context);
    asio::signal_set signals(context, SIGTERM, SIGINT);
    signals.async_wait([&context](std::error_code error, int) {
        if (!error) context.stop();
    });
    tell_ready(command_line, farm, control);
    context.run();
}

}  // namespace

int main(int argc, char** argv) {
    try {
        int exit_code = 0;
        const auto command_line = tds_server::parse_command_line(argc, argv, exit_code);
        if (!command_line) return exit_code;
        run(*command_line);
        return 0;
    } catch (const std::exception& error) {
        fmt::print(stderr, "tds_server: {}\n", error.what());
        return 1;
    }
}
