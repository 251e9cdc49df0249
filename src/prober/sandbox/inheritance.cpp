#include "prober/sandbox/inheritance.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "prober/exit_code.h"

namespace vitals::prober {

namespace {

// The exec clears the setting where the program has file capabilities, so the one before the exec is not enough.
void die_with_parent(int socket_fd) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A parent that ended before that call is never noticed by it. The socket tells who made it.
    ucred maker{};
    socklen_t size = sizeof(maker);
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &maker, &size) != 0)
        throw std::system_error(errno, std::generic_category(), "--fd is not the socket of a collector");
    if (getppid() == 1 && maker.pid != 1) _exit(exit_ok);
}

void offer_to_oom_killer() {
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    constexpr std::string_view most = "1000";
    [[maybe_unused]] const ssize_t written = write(fd, most.data(), most.size());
    close(fd);
}

void close_range(unsigned first, unsigned last) {
    if (first <= last) syscall(SYS_close_range, first, last, 0);
}

void point_to_null(int fd) {
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) throw std::system_error(errno, std::generic_category(), "cannot open /dev/null");
    if (null == fd) {
        fcntl(fd, F_SETFD, 0);
        return;
    }
    dup2(null, fd);
    close(null);
}

}  // namespace

void settle_as_child(int socket_fd) {
    die_with_parent(socket_fd);
    const auto fd = static_cast<unsigned>(socket_fd);
    close_range(STDERR_FILENO + 1, fd - 1);
    close_range(fd + 1, ~0U);
    fcntl(socket_fd, F_SETFD, FD_CLOEXEC);
    point_to_null(STDIN_FILENO);
    point_to_null(STDOUT_FILENO);
    offer_to_oom_killer();
}

void let_go_of_standard_error() {
    point_to_null(STDERR_FILENO);
}

}  // namespace vitals::prober
