#include "prober_child.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "prober/deadline.h"

namespace vitals::prober::test {

namespace {

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

struct Pipe {
    Fd read;
    Fd write;
};

Pipe make_pipe() {
    std::array<int, 2> fds{};
    if (pipe2(fds.data(), O_CLOEXEC) != 0) fail("pipe2");
    return {Fd(fds[0]), Fd(fds[1])};
}

class SpawnSettings {
  public:
    explicit SpawnSettings(bool own_session) {
        posix_spawn_file_actions_init(&actions_);
        posix_spawnattr_init(&attributes_);
        if (own_session) posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
    ~SpawnSettings() {
        posix_spawn_file_actions_destroy(&actions_);
        posix_spawnattr_destroy(&attributes_);
    }
    void put(int fd, int as) { posix_spawn_file_actions_adddup2(&actions_, fd, as); }

    pid_t spawn(const std::vector<std::string>& words) {
        std::vector<char*> arguments;
        for (const std::string& word : words)
            arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        pid_t pid = -1;
        const int error = posix_spawn(&pid, arguments.front(), &actions_, &attributes_, arguments.data(), environ);
        if (error != 0) throw std::system_error(error, std::generic_category(), "posix_spawn");
        return pid;
    }

  private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

sockaddr_in loopback() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// Bound to a free port, which is returned.
int bind_to_loopback(int fd) {
    sockaddr_in address = loopback();
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (fd < 0 || bind(fd, generic, size) != 0 || getsockname(fd, generic, &size) != 0) fail("bind");
    return ntohs(address.sin_port);
}

std::string read_all(int fd, const Deadline& deadline) {
    std::string text;
    std::array<char, 4096> bytes{};
    while (readable(fd, deadline.remaining())) {
        const ssize_t count = read(fd, bytes.data(), bytes.size());
        if (count <= 0) break;
        text.append(bytes.data(), static_cast<std::size_t>(count));
    }
    return text;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this != &other) {
        reset();
        fd_ = other.release();
    }
    return *this;
}

int Fd::release() noexcept {
    return std::exchange(fd_, -1);
}

void Fd::reset() noexcept {
    if (fd_ >= 0) close(release());
}

bool readable(int fd, std::chrono::milliseconds limit) {
    const Deadline deadline = Deadline::after(limit);
    while (true) {
        pollfd entry{fd, POLLIN, 0};
        const int ready = poll(&entry, 1, static_cast<int>(deadline.remaining().count()));
        if (ready > 0) return true;
        if (ready == 0 || errno != EINTR) return false;
    }
}

ProberChild::ProberChild(const std::vector<std::string>& words, Fd input, Fd output, Fd error,
                         std::vector<int> child_fds)
    : input_(std::move(input)), output_(std::move(output)), error_(std::move(error)), lines_(core::max_result_line) {
    // Writing to a prober that has ended is an error, not the end of the test.
    ::signal(SIGPIPE, SIG_IGN);
    const bool with_pipes = child_fds.size() == 3;
    SpawnSettings settings(with_pipes);
    for (std::size_t i = 0; i < child_fds.size(); ++i)
        settings.put(child_fds[i], with_pipes ? static_cast<int>(i) : 3);
    pid_ = settings.spawn(words);
}

ProberChild ProberChild::on_socket(const std::vector<std::string>& more) {
    std::array<int, 2> fds{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) fail("socketpair");
    Fd ours(fds[0]);
    const Fd theirs(fds[1]);
    Fd copy(fcntl(ours.get(), F_DUPFD_CLOEXEC, 0));
    std::vector<std::string> words{VITALS_PROBER, "serve", "--fd", "3"};
    words.insert(words.end(), more.begin(), more.end());
    return ProberChild(words, std::move(copy), std::move(ours), Fd(), {theirs.get()});
}

ProberChild ProberChild::with_pipes(const std::vector<std::string>& words) {
    Pipe in = make_pipe();
    Pipe out = make_pipe();
    Pipe err = make_pipe();
    std::vector<std::string> all{VITALS_PROBER};
    all.insert(all.end(), words.begin(), words.end());
    return ProberChild(all, std::move(in.write), std::move(out.read), std::move(err.read),
                       {in.read.get(), out.write.get(), err.write.get()});
}

ProberChild::ProberChild(ProberChild&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      status_(other.status_),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)),
      error_(std::move(other.error_)),
      lines_(std::move(other.lines_)) {}

ProberChild::~ProberChild() {
    if (pid_ <= 0 || status_) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

bool ProberChild::send(const std::string& line) {
    const std::string text = line + "\n";
    for (std::size_t sent = 0; sent < text.size();) {
        const ssize_t count = write(input_.get(), text.data() + sent, text.size() - sent);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        sent += static_cast<std::size_t>(count);
    }
    return true;
}

std::optional<std::string> ProberChild::read_line(std::chrono::milliseconds limit) {
    const Deadline deadline = Deadline::after(limit);
    while (true) {
        if (auto line = lines_.next()) return line;
        std::array<char, 4096> bytes{};
        if (!readable(output_.get(), deadline.remaining())) return std::nullopt;
        const ssize_t count = read(output_.get(), bytes.data(), bytes.size());
        if (count <= 0) return std::nullopt;
        lines_.append({bytes.data(), static_cast<std::size_t>(count)});
    }
}

core::Hello ProberChild::read_hello() {
    const auto line = read_line();
    if (!line) throw std::runtime_error("the prober did not greet");
    return std::get<core::Hello>(core::parse_report(*line));
}

core::Result ProberChild::read_result(std::chrono::milliseconds limit) {
    const auto line = read_line(limit);
    if (!line) throw std::runtime_error("the prober did not answer");
    return std::get<core::Result>(core::parse_report(*line));
}

void ProberChild::hang_up() {
    input_.reset();
    output_.reset();
}

void ProberChild::signal(int number) const {
    kill(pid_, number);
}

std::optional<int> ProberChild::wait(std::chrono::milliseconds limit) {
    const Deadline deadline = Deadline::after(limit);
    while (!status_) {
        int status = 0;
        if (waitpid(pid_, &status, WNOHANG) == pid_) {
            status_ = status;
        } else if (deadline.passed()) {
            return std::nullopt;
        } else {
            poll(nullptr, 0, 5);
        }
    }
    return status_;
}

ProberChild::Output ProberChild::finish(std::chrono::milliseconds limit) {
    const Deadline deadline = Deadline::after(limit);
    end_input();
    Output output;
    // Neither is more than a pipe holds, so that one may be read after the other.
    output.out = read_all(output_.get(), deadline);
    output.err = read_all(error_.get(), deadline);
    const auto status = wait(deadline.remaining());
    if (status && WIFEXITED(*status)) output.exit_code = WEXITSTATUS(*status);
    return output;
}

SilentServer::SilentServer() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    port_ = bind_to_loopback(listener_.get());
    if (listen(listener_.get(), SOMAXCONN) != 0) fail("listen");
}

int SilentServer::connections() {
    while (true) {
        Fd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (connection.get() < 0) return static_cast<int>(accepted_.size());
        accepted_.push_back(std::move(connection));
    }
}

ClosedPort::ClosedPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), number_(bind_to_loopback(fd_.get())) {}

}  // namespace vitals::prober::test
