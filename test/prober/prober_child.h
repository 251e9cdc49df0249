// A vitals_prober that a test runs: at the other end of a socket as under the collector, or with pipes as in a shell.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/line_buffer.h"
#include "core/wire.h"

namespace vitals::prober::test {

using namespace std::chrono_literals;

// A descriptor that is closed with its owner.
class Fd {
  public:
    explicit Fd(int fd = -1) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(other.release()) {}
    Fd& operator=(Fd&& other) noexcept;
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    int release() noexcept;
    void reset() noexcept;

  private:
    int fd_;
};

// Waits until fd is readable or at its end.
bool readable(int fd, std::chrono::milliseconds limit);

class ProberChild {
  public:
    // `vitals_prober serve --fd 3` and more words.
    static ProberChild on_socket(const std::vector<std::string>& more = {});
    // Any command, in a session of its own: without a terminal to ask.
    static ProberChild with_pipes(const std::vector<std::string>& words);

    ProberChild(ProberChild&& other) noexcept;
    ProberChild& operator=(ProberChild&&) = delete;
    ProberChild(const ProberChild&) = delete;
    ProberChild& operator=(const ProberChild&) = delete;
    // Kills and reaps it if it still runs.
    ~ProberChild();

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    // False once it does not read any more.
    bool send(const std::string& line);
    // The next line of its output; nothing at the end or after the limit.
    std::optional<std::string> read_line(std::chrono::milliseconds limit = 10s);
    // Throws what parse_report throws, or std::runtime_error when there is no line.
    core::Hello read_hello();
    core::Result read_result(std::chrono::milliseconds limit = 10s);

    void end_input() { input_.reset(); }
    // Closes the socket.
    void hang_up();
    void signal(int number) const;
    // The status that waitpid() gives; nothing if it still runs after the limit.
    std::optional<int> wait(std::chrono::milliseconds limit = 10s);

    struct Output {
        int exit_code = -1;
        std::string out;
        std::string err;
    };
    // Ends the input and reads everything until it has ended.
    Output finish(std::chrono::milliseconds limit = 20s);

  private:
    ProberChild(const std::vector<std::string>& words, Fd input, Fd output, Fd error, std::vector<int> child_fds);

    pid_t pid_ = -1;
    std::optional<int> status_;
    Fd input_;   // ours to write to; the socket has one descriptor for both directions
    Fd output_;  // ours to read from
    Fd error_;
    core::LineBuffer lines_;
};

// Something that listens on loopback, and neither accepts nor answers: a job against it lasts until its deadline.
class SilentServer {
  public:
    SilentServer();
    [[nodiscard]] int port() const noexcept { return port_; }
    // How many connections have been made so far.
    int connections();

  private:
    Fd listener_;
    int port_ = 0;
    std::vector<Fd> accepted_;
};

// A port of loopback that nobody listens on, for as long as this lives.
class ClosedPort {
  public:
    ClosedPort();
    [[nodiscard]] int number() const noexcept { return number_; }

  private:
    Fd fd_;
    int number_ = 0;
};

}  // namespace vitals::prober::test
