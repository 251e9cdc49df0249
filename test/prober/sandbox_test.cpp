// What somebody who has taken over a prober can still do: nothing but what polling needs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "prober/sandbox/file_watch.h"
#include "prober/sandbox/limits.h"
#include "prober/sandbox/sandbox.h"
#include "prober/sandbox/sanitizers.h"
#include "prober_child.h"
#include "sandboxed.h"

namespace vitals::prober::test {
namespace {

namespace fs = std::filesystem;

const Attempt worked{0, 0};
const Attempt killed{0, SIGSYS};

Attempt refused(int error) {
    return {error, 0};
}

class SandboxTest : public testing::Test {
  protected:
    SandboxTest() {
        std::string path = (fs::temp_directory_path() / "vitals_sandbox_XXXXXX").string();
        if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
        directory = path;
        // As the key file and the data directory: readable for the user the prober runs as.
        secret = directory / "vitals.key";
        std::ofstream(secret) << "key";
    }
    ~SandboxTest() override { fs::remove_all(directory); }

    fs::path directory;
    fs::path secret;
};

class LandlockTest : public SandboxTest {
  protected:
    void SetUp() override {
        if (lacks("landlock")) GTEST_SKIP() << "this kernel has no Landlock";
    }
};

class SeccompTest : public SandboxTest {
  protected:
    void SetUp() override {
        if (lacks("seccomp")) GTEST_SKIP() << "this kernel has no seccomp filters";
    }
};

int connect_to(const sockaddr* address, socklen_t size) {
    const Fd fd(socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd.get() < 0) return errno;
    return error_of(connect(fd.get(), address, size));
}

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

// --- what is lost ---------------------------------------------------------------------------------------------------

TEST_F(LandlockTest, FilesOfTheServerCannotBeRead) {
    const std::string path = secret;
    ASSERT_EQ(error_of_opening(path, O_RDONLY), 0);
    EXPECT_EQ(attempt([&] { return error_of_opening(path, O_RDONLY); }), refused(EACCES));
    const std::string data = directory;
    EXPECT_EQ(attempt([&] { return error_of_opening(data, O_RDONLY | O_DIRECTORY); }), refused(EACCES));
}

TEST_F(LandlockTest, FilesOfTheMachineCannotBeRead) {
    for (const std::string& path :
         std::vector<std::string>{"/etc/passwd", "/proc/self/environ", "/proc/1/cmdline", "/etc", "/"}) {
        if (built_with_sanitizer && path.starts_with("/proc/self")) continue;
        EXPECT_EQ(attempt([&] { return error_of_opening(path, O_RDONLY); }), refused(EACCES)) << path;
    }
}

TEST_F(LandlockTest, OtherProcessesStayClosedWhereThisMachineIsRead) {
    const SandboxSettings local{.allow_local = true, .ca_paths = {}, .krb5_config = {}, .keytab = {}};
    EXPECT_EQ(attempt([] { return error_of_opening("/proc/meminfo", O_RDONLY); }, local), worked);
    EXPECT_EQ(attempt([] { return error_of_opening("/proc/meminfo", O_RDONLY); }), refused(EACCES));
    const std::string environment = "/proc/" + std::to_string(getpid()) + "/environ";
    ASSERT_EQ(error_of_opening(environment, O_RDONLY), 0);
    EXPECT_EQ(attempt([&] { return error_of_opening(environment, O_RDONLY); }, local), refused(EACCES));
    EXPECT_EQ(attempt([] { return error_of_opening("/etc/passwd", O_RDONLY); }, local), refused(EACCES));
}

TEST_F(LandlockTest, TcpPortsCannotBeBound) {
    if (lacks("landlock_abi_4")) GTEST_SKIP() << "this kernel's Landlock knows no network";
    const auto bind_port = [] {
        const Fd fd(socket(AF_INET, SOCK_STREAM, 0));
        const sockaddr_in address = loopback(0);
        return error_of(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)));
    };
    EXPECT_EQ(attempt(bind_port), refused(EACCES));
}

TEST_F(SeccompTest, NothingCanBeWritten) {
    const std::string present = secret;
    const std::string absent = directory / "new";
    EXPECT_EQ(attempt([&] { return error_of_opening(present, O_WRONLY); }), refused(EPERM));
    EXPECT_EQ(attempt([&] { return error_of_opening(present, O_RDWR); }), refused(EPERM));
    EXPECT_EQ(attempt([&] { return error_of_opening(absent, O_WRONLY | O_CREAT); }), refused(EPERM));
    EXPECT_EQ(attempt([&] { return error_of_opening(absent, O_RDONLY | O_CREAT); }), refused(ENOSYS));
    EXPECT_EQ(attempt([&] { return error_of(truncate(present.c_str(), 0)); }), refused(EPERM));
    EXPECT_EQ(attempt([&] { return error_of(unlink(present.c_str())); }), refused(EPERM));
    EXPECT_EQ(attempt([&] { return error_of(rename(present.c_str(), absent.c_str())); }), refused(EPERM));
    EXPECT_EQ(attempt([&] { return error_of(mkdir(absent.c_str(), 0700)); }), refused(EPERM));
    EXPECT_EQ(attempt([&] { return error_of(chmod(present.c_str(), 0777)); }), refused(EPERM));
    EXPECT_EQ(fs::file_size(secret), 3U);
    EXPECT_FALSE(fs::exists(absent));
}

TEST_F(SeccompTest, NothingCanBeExecuted) {
    const auto execute = [] {
        std::array<char*, 1> arguments{nullptr};
        return error_of(execve("/bin/true", arguments.data(), arguments.data()));
    };
    EXPECT_EQ(attempt(execute), refused(EPERM));
    const auto execute_descriptor = [] {
        std::array<char*, 1> arguments{nullptr};
        return error_of(syscall(SYS_execveat, AT_FDCWD, "/bin/true", arguments.data(), arguments.data(), 0));
    };
    EXPECT_EQ(attempt(execute_descriptor), refused(EPERM));
}

TEST_F(SeccompTest, NoProcessCanBeStarted) {
    const auto start = [] {
        const pid_t child = fork();
        if (child == 0) _exit(0);
        return error_of(child);
    };
    EXPECT_EQ(attempt(start), refused(EPERM));
    EXPECT_EQ(attempt([] { return error_of(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0)); }),
              refused(EPERM));
}

TEST_F(SeccompTest, NoProcessCanBeReached) {
    static std::array<char, 8> mine{};
    const pid_t parent = getpid();
    EXPECT_EQ(attempt([&] { return error_of(ptrace(PTRACE_ATTACH, parent, nullptr, nullptr)); }), killed);
    const auto read_memory = [&] {
        std::array<char, 8> into{};
        const iovec local{into.data(), into.size()};
        const iovec remote{mine.data(), mine.size()};
        return error_of(process_vm_readv(parent, &local, 1, &remote, 1, 0));
    };
    EXPECT_EQ(attempt(read_memory), killed);
    EXPECT_EQ(attempt([&] { return error_of(kill(parent, 0)); }), refused(EPERM));
    EXPECT_EQ(attempt([&] { return error_of(syscall(SYS_tgkill, parent, parent, 0)); }), refused(ENOSYS));
    EXPECT_EQ(attempt([&] { return error_of(syscall(SYS_pidfd_open, parent, 0)); }), refused(EPERM));
    EXPECT_EQ(attempt([] { return error_of(setpriority(PRIO_PROCESS, 0, 5)); }), refused(EPERM));
}

TEST_F(SeccompTest, LocalSocketsAreOutOfReach) {
    // As PostgreSQL's own.
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory / ".s.PGSQL.5432";
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    const Fd listener(socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(bind(listener.get(), generic, sizeof(address)), 0);
    ASSERT_EQ(listen(listener.get(), 1), 0);
    ASSERT_EQ(connect_to(generic, sizeof(address)), 0);

    EXPECT_EQ(attempt([&] { return connect_to(generic, sizeof(address)); }), refused(EPERM));
    EXPECT_EQ(attempt([] { return error_of(socket(AF_PACKET, SOCK_RAW, 0)); }), refused(EPERM));
    EXPECT_EQ(attempt([] { return error_of(socket(AF_NETLINK, SOCK_RAW, 9 /* NETLINK_AUDIT */)); }), refused(ENOSYS));
    EXPECT_EQ(attempt([] { return error_of(socket(AF_INET, SOCK_RAW, IPPROTO_TCP)); }), refused(ENOSYS));
    EXPECT_EQ(attempt([] {
                  std::array<int, 2> fds{};
                  return error_of(socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()));
              }),
              refused(EPERM));
}

TEST_F(SeccompTest, NobodyCanConnectToIt) {
    const auto listen_on = [] {
        const Fd fd(socket(AF_INET, SOCK_STREAM, 0));
        return error_of(listen(fd.get(), 1));
    };
    EXPECT_EQ(attempt(listen_on), refused(EPERM));
}

TEST_F(SeccompTest, MemoryCannotBecomeCode) {
    constexpr std::size_t page = 4096;
    const auto map = [](int protection) {
        return mmap(nullptr, page, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
    };
    EXPECT_EQ(attempt([&] { return map(PROT_READ | PROT_WRITE); }), worked);
    EXPECT_EQ(attempt([&] { return map(PROT_READ | PROT_WRITE | PROT_EXEC); }), refused(ENOSYS));
    EXPECT_EQ(attempt([&] { return map(PROT_READ | PROT_EXEC); }), refused(ENOSYS));
    if (built_with_sanitizer) return;
    const auto make_code = [] {
        void* memory = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return error_of(mprotect(memory, page, PROT_READ | PROT_EXEC));
    };
    EXPECT_EQ(attempt(make_code), refused(ENOSYS));
}

TEST_F(SeccompTest, TheKernelsBackRoomsAreClosed) {
    for (const long number : {SYS_bpf, SYS_userfaultfd, SYS_mount, SYS_unshare, SYS_setns, SYS_init_module,
                              SYS_open_by_handle_at, SYS_kexec_load}) {
        EXPECT_EQ(attempt([=] { return error_of(syscall(number, 0, 0, 0, 0, 0)); }), killed) << number;
    }
    for (const long number : {SYS_io_uring_setup, SYS_perf_event_open, SYS_keyctl, SYS_add_key, SYS_personality})
        EXPECT_EQ(attempt([=] { return error_of(syscall(number, 0, 0, 0, 0, 0)); }), refused(EPERM)) << number;
    EXPECT_EQ(attempt([] { return error_of(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); }),
              refused(EPERM));
    EXPECT_EQ(attempt([] { return error_of(prctl(PR_SET_DUMPABLE, 1)); }), refused(ENOSYS));
    const auto raise_limit = [] {
        const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
        return error_of(setrlimit(RLIMIT_AS, &unlimited));
    };
    EXPECT_NE(attempt(raise_limit), worked);
}

// --- what stays -----------------------------------------------------------------------------------------------------

TEST_F(SandboxTest, TheConnectionToAServerStays) {
    const SilentServer server;
    const int port = server.port();
    const auto connect_and_send = [=] {
        const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const sockaddr_in address = loopback(port);
        const int error = error_of(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)));
        return error != 0 ? error : error_of(send(fd.get(), "x", 1, MSG_NOSIGNAL));
    };
    EXPECT_EQ(attempt(connect_and_send), worked);
}

TEST_F(SandboxTest, NamesAreStillLookedUp) {
    const auto look_up = [] {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* list = nullptr;
        const int code = getaddrinfo("localhost", "1433", &hints, &list);
        if (code == 0) freeaddrinfo(list);
        return -code;
    };
    EXPECT_EQ(attempt(look_up), worked);
}

TEST_F(SandboxTest, CertificatesAreStillRead) {
    const std::string file = secret;
    const SandboxSettings one_file{.allow_local = false, .ca_paths = {file}, .krb5_config = {}, .keytab = {}};
    const SandboxSettings whole_directory{
        .allow_local = false, .ca_paths = {directory, "/no/such/directory"}, .krb5_config = {}, .keytab = {}};
    EXPECT_EQ(attempt([&] { return error_of_opening(file, O_RDONLY); }, one_file), worked);
    EXPECT_EQ(attempt([&] { return error_of_opening(file, O_RDONLY); }, whole_directory), worked);
    if (!fs::exists("/etc/ssl/certs")) GTEST_SKIP() << "no CA certificates are installed";
    EXPECT_EQ(attempt([] { return error_of_opening("/etc/ssl/certs", O_RDONLY | O_DIRECTORY); }), worked);
}

TEST_F(SandboxTest, ThreadsStillStart) {
    EXPECT_EQ(attempt([] {
                  int value = 1;
                  std::thread([&value] { value = 0; }).join();
                  return value;
              }),
              worked);
}

TEST_F(SandboxTest, ADefectStillEndsTheProcess) {
    if (built_with_sanitizer) GTEST_SKIP() << "sanitizers report an abort in their own way";
    const auto abort_quietly = [] {
        abort();
        return 0;
    };
    EXPECT_EQ(attempt(abort_quietly), (Attempt{0, SIGABRT}));
}

// --- when it is too old ---------------------------------------------------------------------------------------------

TEST_F(LandlockTest, AReplacedFileOfNameLookupIsNoticed) {
    const fs::path file = directory / "resolv.conf";
    std::ofstream(file) << "nameserver 127.0.0.1\n";
    std::array<int, 2> pair{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
    const Fd ours(pair[0]);
    const Fd theirs(pair[1]);
    const pid_t child = fork();
    if (child == 0) {
        enter_sandbox({.allow_local = false, .ca_paths = {file}, .krb5_config = {}, .keytab = {}});
        const FileWatch watch({file, "/no/such/file", "/etc/passwd"});
        char byte = watch.outdated() ? 'x' : '-';
        if (write(theirs.get(), &byte, 1) != 1 || read(theirs.get(), &byte, 1) != 1) _exit(2);
        _exit(watch.outdated() ? 1 : 0);
    }
    char byte = 0;
    ASSERT_EQ(read(ours.get(), &byte, 1), 1);
    EXPECT_EQ(byte, '-');
    std::ofstream(directory / "newer") << "nameserver 127.0.0.2\n";
    fs::rename(directory / "newer", file);
    ASSERT_EQ(write(ours.get(), &byte, 1), 1);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 1);
}

// The whole pages of a block of the heap that are in memory; what is not mapped any more is not.
std::size_t resident_pages(const void* block, std::size_t size) {
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto from = (reinterpret_cast<std::uintptr_t>(block) + page - 1) / page * page;
    const auto length = (reinterpret_cast<std::uintptr_t>(block) + size) / page * page - from;
    std::vector<unsigned char> pages(length / page);
    if (mincore(reinterpret_cast<void*>(from), length, pages.data()) != 0) return 0;
    return static_cast<std::size_t>(std::ranges::count_if(pages, [](unsigned char bits) { return (bits & 1) != 0; }));
}

TEST_F(SandboxTest, GivesFreedMemoryBackThoughSomethingBehindItIsInUse) {
    if (built_with_sanitizer) GTEST_SKIP() << "sanitizers have a malloc of their own";
    const auto action = [] {
        constexpr std::size_t size = 4096;  // larger ones are given back by themselves
        std::vector<void*> blocks(4096);
        const auto resident = [&blocks] {
            std::size_t pages = 0;
            for (const auto* block : blocks)
                pages += resident_pages(block, size);
            return pages;
        };
        for (auto& each : blocks) {
            each = std::malloc(size);
            std::memset(each, 1, size);
        }
        const auto* last = *std::ranges::max_element(blocks);
        const auto before = resident();
        for (auto* each : blocks) {
            if (each != last) std::free(each);
        }
        give_back_memory();
        if (before < 1000) return ENODATA;
        return resident() < before / 10 ? 0 : ENOMEM;
    };
    EXPECT_EQ(attempt(action), worked);
}

}  // namespace
}  // namespace vitals::prober::test
