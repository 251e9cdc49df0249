// One running vitals_prober: a child of the collector at the other end of a socketpair. This class knows about
// processes, bytes and lines; what the lines mean is the supervisor's business.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/line_buffer.h"
#include "core/secret.h"
#include "pg/wait_set.h"

namespace vitals::ext {

// Where a prober may connect to and how it proves Kerberos logins. A change takes effect with the next prober.
struct ProberNetwork {
    std::vector<std::string> allowed_targets;  // lists that each must allow a target
    int own_port = 0;                          // of the server; 0: none
    std::string krb5_config;                   // empty: the system's
    std::string keytab;                        // empty: none

    bool operator==(const ProberNetwork&) const = default;
};

struct ProberSettings {
    std::string path;  // of the program, absolute
    int threads = 10;
    long memory_limit_bytes = 0;
    std::chrono::milliseconds grace{5000};  // how long it may finish what is in flight after SIGTERM
    bool allow_local = false;
    std::string ca_directory;  // empty: the system's own alone
    ProberNetwork network;
};

// Memory that a process has; 0 if that cannot be read.
std::int64_t resident_bytes_of(pid_t pid);

class ProberProcess {
  public:
    // Forks and executes the program. Throws std::system_error if that is impossible; a program that cannot be executed
    // shows as an end of the stream and exit status 127, unless it is missing, which throws.
    explicit ProberProcess(const ProberSettings& settings);
    ProberProcess(const ProberProcess&) = delete;
    ProberProcess& operator=(const ProberProcess&) = delete;
    // Kills and reaps it.
    ~ProberProcess();

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

    // Queues a line and sends what the socket takes. False once the prober does not read any more: the stream is broken
    // or too much is waiting.
    bool send(std::string_view line);
    bool flush();
    [[nodiscard]] pg::SocketInterest interest() const noexcept {
        return {.fd = fd_, .serial = serial_, .write = !unsent_.empty()};
    }

    enum class Stream { open, ended };
    // Reads what has arrived, a bounded amount a call, and appends complete lines. Throws core::WireError for a line
    // over the limit.
    Stream receive(std::vector<std::string>& lines);

    void kill() noexcept;  // SIGKILL

    // How it ended, for people: "killed by signal 11 (Segmentation fault)", "exited with status 2". Waits up to a
    // second for a process that was killed or has closed its end.
    std::string reap();

  private:
    std::optional<std::string> try_reap();

    pid_t pid_ = -1;
    int fd_ = -1;
    std::uint64_t serial_;
    core::SecretBuffer unsent_;  // jobs carry passwords
    core::LineBuffer received_;
};

}  // namespace vitals::ext
