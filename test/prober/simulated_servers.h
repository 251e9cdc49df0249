// Simulated SQL Servers in a process of their own, for as long as the object lives.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/wire.h"
#include "temporary_directory.h"

namespace vitals::prober {

class FileDescriptor {
  public:
    FileDescriptor() = default;
    explicit FileDescriptor(int fd) : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        reset(other.release());
        return *this;
    }
    ~FileDescriptor() { reset(-1); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    void reset(int fd) noexcept;

  private:
    int release() noexcept {
        const int fd = fd_;
        fd_ = -1;
        return fd;
    }
    int fd_ = -1;
};

class SimulatedServers {
  public:
    // The flags of tds_server; the recorded fixture and `--replay steps` unless they say otherwise. Returns when the
    // servers listen. Throws std::runtime_error.
    explicit SimulatedServers(const std::vector<std::string>& flags = {});
    ~SimulatedServers();
    SimulatedServers(const SimulatedServers&) = delete;
    SimulatedServers& operator=(const SimulatedServers&) = delete;

    [[nodiscard]] std::uint16_t port(std::size_t server = 0) const { return ports_.at(server); }
    // The certificate of the authority that signed the servers' certificates.
    [[nodiscard]] std::string ca_file() const { return directory_.file("ca.pem"); }

    // Changes server 0 while it runs, for example {"fault": "silent"}. Throws std::runtime_error if it is refused.
    nlohmann::json control(nlohmann::json request);
    void set_fault(const std::string& fault) { control({{"fault", fault}}); }
    nlohmann::json stats() { return control({{"stats", true}}); }
    std::uint64_t count(const std::string& statistic) { return stats().at(statistic).get<std::uint64_t>(); }

    // A poll of everything with the right login and certificate, one second as its deadline.
    [[nodiscard]] core::Job job(std::size_t server = 0) const;

  private:
    void start(const std::vector<std::string>& arguments);
    void read_ready_line();

    TemporaryDirectory directory_;
    pid_t process_ = -1;
    FileDescriptor input_;  // its end ends the process
    FileDescriptor output_;
    FileDescriptor control_;
    std::vector<std::uint16_t> ports_;
};

}  // namespace vitals::prober
