#include "silent_name_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "prober_child.h"
#include "temporary_directory.h"

namespace vitals::prober::test {

namespace {

constexpr const char* socket_variable = "VITALS_SILENT_NAME_SERVER";
constexpr std::uint16_t name_port = 53;
constexpr int not_possible = 77;

bool write_to(const char* path, const std::string& text) {
    const Fd file(open(path, O_WRONLY | O_CLOEXEC));
    return write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// With the same user and group inside as outside: what is run there has no rights either.
bool enter_namespaces() {
    const auto user = getuid();
    const auto group = getgid();
    return unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) == 0 && write_to("/proc/self/setgroups", "deny") &&
           write_to("/proc/self/uid_map", fmt::format("{0} {0} 1", user)) &&
           write_to("/proc/self/gid_map", fmt::format("{0} {0} 1", group)) &&
           mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

bool start_loopback() {
    const Fd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::memcpy(request.ifr_name, "lo", sizeof("lo"));
    if (ioctl(any.get(), SIOCGIFFLAGS, &request) != 0) return false;
    request.ifr_flags |= IFF_UP;
    return ioctl(any.get(), SIOCSIFFLAGS, &request) == 0;
}

// Without the file the C library asks 127.0.0.1 as well.
bool replace(const char* path, const std::string& with) {
    return access(path, F_OK) != 0 || mount(with.c_str(), path, nullptr, MS_BIND, nullptr) == 0;
}

// Inherited by what is run.
int name_server() {
    const int server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(name_port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bind(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? server : -1;
}

[[noreturn]] void run_inside(const std::string& filter, const std::string& resolv_conf,
                             const std::string& nsswitch_conf) {
    if (!enter_namespaces()) _exit(not_possible);
    // Whoever may make them may do this there.
    const bool ready =
        start_loopback() && replace("/etc/resolv.conf", resolv_conf) && replace("/etc/nsswitch.conf", nsswitch_conf);
    const int server = ready ? name_server() : -1;
    if (server >= 0) {
        setenv(socket_variable, std::to_string(server).c_str(), 1);
        execl("/proc/self/exe", "prober_tests", filter.c_str(), nullptr);
    }
    std::perror("cannot set up a name server in namespaces");
    _exit(1);
}

// As it stands in a question: its length and its letters.
std::string encoded(std::string_view label) {
    return static_cast<char>(label.size()) + std::string(label);
}

}  // namespace

bool SilentNameServer::inside() {
    if (std::getenv(socket_variable) != nullptr) return true;
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    const std::string filter = fmt::format("--gtest_filter={}.{}", test->test_suite_name(), test->name());
    const TemporaryDirectory files;
    const std::string resolv_conf = files.write("resolv.conf", "nameserver 127.0.0.1\n");
    const std::string nsswitch_conf = files.write("nsswitch.conf", "hosts: files dns\n");
    const pid_t child = fork();
    if (child == 0) run_inside(filter, resolv_conf, nsswitch_conf);
    int status = 0;
    waitpid(child, &status, 0);
    const bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == not_possible;
    [&] {
        if (skipped) GTEST_SKIP() << "this machine lets nobody make user, mount and network namespaces";
        EXPECT_EQ(status, 0) << "in namespaces of its own, see above";
    }();
    return false;
}

int SilentNameServer::questions_about(const std::string& label) {
    const int server = std::atoi(std::getenv(socket_variable));
    std::array<char, 512> question{};
    for (ssize_t size = 0; (size = recv(server, question.data(), question.size(), 0)) >= 0;)
        asked_.append(question.data(), static_cast<std::size_t>(size));
    int count = 0;
    const std::string wanted = encoded(label);
    for (std::size_t at = asked_.find(wanted); at != std::string::npos; at = asked_.find(wanted, at + 1))
        ++count;
    return count;
}

}  // namespace vitals::prober::test
