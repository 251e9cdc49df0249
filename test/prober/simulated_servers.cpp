#include "simulated_servers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <utility>

#include "prober/deadline.h"

namespace vitals::prober {

namespace {

// Certificates are made at the start, and test machines are busy.
constexpr std::chrono::seconds patience{30};

// Up to the next newline, which is taken and left out.
std::string read_line(int fd) {
    const Deadline deadline = Deadline::after(patience);
    std::string line;
    while (true) {
        pollfd waiting{fd, POLLIN, 0};
        if (poll(&waiting, 1, static_cast<int>(deadline.remaining().count())) <= 0)
            throw std::runtime_error("tds_server says nothing");
        char c = 0;
        if (read(fd, &c, 1) != 1) throw std::runtime_error("tds_server ended");
        if (c == '\n') return line;
        line += c;
    }
}

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
        read_end.reset(ends[0]);
        write_end.reset(ends[1]);
    }
    FileDescriptor read_end;
    FileDescriptor write_end;
};

FileDescriptor connect_to(std::uint16_t port) {
    FileDescriptor connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        throw std::runtime_error("cannot reach the control port of tds_server");
    return connection;
}

}  // namespace

void FileDescriptor::reset(int fd) noexcept {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
}

SimulatedServers::SimulatedServers(const std::vector<std::string>& flags) {
    std::vector<std::string> arguments{TDS_SERVER, "--ca-out", ca_file(), "--exit-with-parent"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const auto unless_said = [&](const char* flag, const char* value) {
        if (std::find(flags.begin(), flags.end(), flag) == flags.end())
            arguments.insert(arguments.end(), {flag, value});
    };
    unless_said("--fixture", VITALS_FIXTURES "/mssql-fixture.json");
    unless_said("--replay", "steps");
    start(arguments);
    read_ready_line();
}

SimulatedServers::~SimulatedServers() {
    if (process_ <= 0) return;
    kill(process_, SIGTERM);
    waitpid(process_, nullptr, 0);
}

void SimulatedServers::start(const std::vector<std::string>& arguments) {
    Pipe input;
    Pipe output;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input.read_end.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output.write_end.get(), STDOUT_FILENO);
    std::vector<char*> words;
    std::transform(arguments.begin(), arguments.end(), std::back_inserter(words),
                   [](const std::string& argument) { return const_cast<char*>(argument.c_str()); });
    words.push_back(nullptr);
    const int error = posix_spawn(&process_, TDS_SERVER, &actions, nullptr, words.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error("cannot start " TDS_SERVER);
    input_ = std::move(input.write_end);
    output_ = std::move(output.read_end);
}

void SimulatedServers::read_ready_line() {
    const auto ready = nlohmann::json::parse(read_line(output_.get()));
    ports_ = ready.at("ports").get<std::vector<std::uint16_t>>();
    control_ = connect_to(ready.at("control_port").get<std::uint16_t>());
}

nlohmann::json SimulatedServers::control(nlohmann::json request) {
    if (!request.contains("server")) request["server"] = 0;
    const std::string line = request.dump() + "\n";
    if (write(control_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        throw std::runtime_error("the control port of tds_server is closed");
    nlohmann::json answer = nlohmann::json::parse(read_line(control_.get()));
    if (answer.contains("error")) throw std::runtime_error(answer.at("error").get<std::string>());
    return answer;
}

core::Job SimulatedServers::job(std::size_t server) const {
    core::Job job;
    job.connector = "mssql";
    job.target = "0a1b2c3d-0000-4000-8000-000000000001";
    job.deadline = std::chrono::seconds{1};
    job.host = "127.0.0.1";
    job.port = port(server);
    job.username = "vitals";
    job.password = core::Secret("vitals");
    job.options["ca_file"] = ca_file();
    return job;
}

}  // namespace vitals::prober
