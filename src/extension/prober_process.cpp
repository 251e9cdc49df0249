#include "extension/prober_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "core/secret.h"
#include "core/wire.h"

namespace vitals::ext {

namespace {

constexpr int prober_fd = 3;
constexpr std::size_t most_unsent = 4 * 1024 * 1024;
constexpr std::size_t read_size = 64 * 1024;
constexpr int reads_at_once = 8;

// All that a prober inherits: nothing of the postmaster's environment (PGPASSWORD, LD_*, FREETDS*) reaches it.
constexpr std::array<const char*, 4> environment{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "TZ=UTC", nullptr};

// Of this collector's.
std::uint64_t started_probers = 0;

struct SocketPair {
    int ours = -1;
    int theirs = -1;
};

SocketPair make_socket_pair() {
    std::array<int, 2> fds{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) {
        throw std::system_error(errno, std::generic_category(), "could not create a socket pair");
    }
    // Only our end: the prober's main thread blocks on its own.
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    return {fds[0], fds[1]};
}

// Between fork and exec of a server process only async-signal-safe calls are allowed. PostgreSQL opens its files
// without O_CLOEXEC: without close_range() the prober would inherit data files and WAL.
[[noreturn]] void become_prober(int socket, const char* path, const char* const* arguments, pid_t collector) {
    struct sigaction default_action {};
    default_action.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; ++signal)
        sigaction(signal, &default_action, nullptr);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != collector) _exit(126);
    // The postmaster signals its children's process groups. What becomes of a prober its collector decides, which hands
    // a poll that needs its password over also once it was told to end.
    setsid();

    if (socket == prober_fd) {
        fcntl(socket, F_SETFD, 0);
    } else if (dup2(socket, prober_fd) < 0) {
        _exit(126);
    }
    if (syscall(SYS_close_range, prober_fd + 1, ~0U, 0) != 0) _exit(126);

    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execve(path, const_cast<char* const*>(arguments), const_cast<char* const*>(environment.data()));
    _exit(127);
}

// Its standard error is closed to it, so that a prober that was taken over cannot write the server's log: the status is
// all it can say (prober/exit_code.h).
const char* meaning_of_exit(int status) {
    switch (status) {
        case 1:
            return " (could not start)";
        case 2:
            return " (did not understand a job)";
        case 3:
            return " (out of memory)";
        case 126:
        case 127:
            return " (could not be executed)";
        default:
            return "";
    }
}

std::vector<std::string> command_line(const ProberSettings& settings) {
    std::vector<std::string> words{settings.path,    "serve",
                                   "--fd",           std::to_string(prober_fd),
                                   "--threads",      std::to_string(settings.threads),
                                   "--memory-limit", std::to_string(settings.memory_limit_bytes),
                                   "--grace-ms",     std::to_string(settings.grace.count())};
    const auto add = [&words](const char* option, const std::string& value) {
        if (!value.empty()) words.insert(words.end(), {option, value});
    };
    if (settings.allow_local) words.emplace_back("--allow-local");
    add("--ca-directory", settings.ca_directory);
    for (const std::string& list : settings.network.allowed_targets)
        add("--allowed-targets", list);
    if (settings.network.own_port > 0) add("--own-port", std::to_string(settings.network.own_port));
    add("--krb5-config", settings.network.krb5_config);
    add("--keytab", settings.network.keytab);
    return words;
}

}  // namespace

ProberProcess::ProberProcess(const ProberSettings& settings)
    : serial_(++started_probers), received_(core::max_result_line) {
    if (access(settings.path.c_str(), X_OK) != 0) {
        throw std::system_error(errno, std::generic_category(), "could not execute \"" + settings.path + "\"");
    }
    const std::vector<std::string> words = command_line(settings);
    std::vector<const char*> arguments;
    arguments.reserve(words.size() + 1);
    for (const auto& word : words)
        arguments.push_back(word.c_str());
    arguments.push_back(nullptr);

    const SocketPair pair = make_socket_pair();
    const pid_t collector = getpid();
    // A signal handler of the server must not run in the child.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    const pid_t child = fork();
    if (child == 0) become_prober(pair.theirs, settings.path.c_str(), arguments.data(), collector);
    const int error = errno;
    sigprocmask(SIG_SETMASK, &before, nullptr);

    close(pair.theirs);
    if (child < 0) {
        close(pair.ours);
        throw std::system_error(error, std::generic_category(), "could not fork a prober");
    }
    pid_ = child;
    fd_ = pair.ours;
}

ProberProcess::~ProberProcess() {
    if (pid_ > 0) {
        kill();
        reap();
    }
    if (fd_ >= 0) close(fd_);
}

std::int64_t resident_bytes_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
    std::int64_t whole = 0;
    std::int64_t resident = 0;
    if (!(file >> whole >> resident)) return 0;
    return resident * sysconf(_SC_PAGESIZE);
}

bool ProberProcess::send(std::string_view line) {
    if (unsent_.size() + line.size() > most_unsent) return false;
    unsent_.append(line);
    unsent_.append("\n");
    return flush();
}

bool ProberProcess::flush() {
    while (!unsent_.empty()) {
        const std::string_view waiting = unsent_.view();
        const ssize_t count = ::send(fd_, waiting.data(), waiting.size(), MSG_NOSIGNAL);
        if (count < 0) {
            if (errno == EINTR) continue;
            return errno == EAGAIN || errno == EWOULDBLOCK;
        }
        unsent_.drop(static_cast<std::size_t>(count));
    }
    return true;
}

ProberProcess::Stream ProberProcess::receive(std::vector<std::string>& lines) {
    std::array<char, read_size> bytes;  // without a value: reading gives them theirs
    for (int i = 0; i < reads_at_once; ++i) {
        const ssize_t count = read(fd_, bytes.data(), bytes.size());
        if (count < 0) {
            if (errno == EINTR) continue;
            return errno == EAGAIN || errno == EWOULDBLOCK ? Stream::open : Stream::ended;
        }
        if (count == 0) return Stream::ended;
        received_.append({bytes.data(), static_cast<std::size_t>(count)});
        while (auto line = received_.next())
            lines.push_back(std::move(*line));
    }
    return Stream::open;
}

void ProberProcess::kill() noexcept {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
}

std::optional<std::string> ProberProcess::try_reap() {
    int status = 0;
    const pid_t reaped = waitpid(pid_, &status, WNOHANG);
    if (reaped == 0 || (reaped < 0 && errno == EINTR)) return std::nullopt;
    pid_ = -1;
    if (reaped < 0) return "vanished";
    if (WIFSIGNALED(status)) {
        const int signal = WTERMSIG(status);
        return "killed by signal " + std::to_string(signal) + " (" + sigdescr_np(signal) + ")";
    }
    return "exited with status " + std::to_string(WEXITSTATUS(status)) + meaning_of_exit(WEXITSTATUS(status));
}

std::string ProberProcess::reap() {
    if (pid_ <= 0) return "not running";
    // It has closed its end or was killed, so that its end is a matter of a moment; one that lingers is helped along.
    for (int attempt = 0; attempt < 200; ++attempt) {
        if (auto ended = try_reap()) return *ended;
        if (attempt == 100) kill();
        ::poll(nullptr, 0, 5);
    }
    return "did not end";
}

}  // namespace vitals::ext
