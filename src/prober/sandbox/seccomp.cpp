// An allow list. A deny list would have to be kept up with every kernel, and what it misses is open; with an allow list
// a new system call is refused with ENOSYS, which is what an older kernel says and what libc and the libraries are
// written to cope with. What is certainly no accident ends the process, so that an attempt to break out is seen in
// vitals.probers; what a library might try in good faith is refused with EPERM.
//
// The list is what threads, TLS over TCP, name lookups, SNMP over UDP, reading files and the allocators of the
// sanitizers need. Nothing in it makes, changes or runs a file, starts or reaches another process, or listens.
#include "prober/sandbox/seccomp.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include "prober/sandbox/sanitizers.h"
#include "prober/sandbox/system_calls.h"

namespace vitals::prober {

namespace {

void check(int code, const char* what) {
    if (code < 0) throw std::system_error(-code, std::generic_category(), what);
}

class Filter {
  public:
    // What is not known is not there.
    Filter() : context_(seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), &seccomp_release) {
        if (!context_) throw std::system_error(ENOMEM, std::generic_category(), "cannot make a seccomp filter");
        check(seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_TSYNC, 1), "cannot cover all threads");
        check(seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "cannot order the seccomp filter");
    }

    // A name that this architecture does not have is skipped.
    void add(std::uint32_t action, const char* name, std::vector<scmp_arg_cmp> conditions = {}) {
        const int number = seccomp_syscall_resolve_name(name);
        if (number == __NR_SCMP_ERROR) return;
        const int code = seccomp_rule_add_array(context_.get(), action, number,
                                                static_cast<unsigned>(conditions.size()), conditions.data());
        // A call that only exists multiplexed on this architecture.
        if (code == -EDOM) return;
        check(code, name);
    }
    void allow(const char* name, std::vector<scmp_arg_cmp> conditions = {}) {
        add(SCMP_ACT_ALLOW, name, std::move(conditions));
    }

    // False if the kernel has no seccomp filters.
    bool load() {
        const int code = seccomp_load(context_.get());
        if (code == -EINVAL || code == -ENOSYS || code == -EOPNOTSUPP) return false;
        check(code, "cannot enforce seccomp");
        return true;
    }

  private:
    std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, decltype(&seccomp_release)> context_;
};

// Most arguments are 32 bits wide, and the kernel does not look at what stands above them.
constexpr std::uint64_t low_half = 0xFFFF'FFFF;

// The bits of mask have exactly this value.
scmp_arg_cmp bits(unsigned argument, std::uint64_t mask, std::uint64_t value) {
    return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

void allow_reading_files(Filter& filter) {
    constexpr std::uint64_t changing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
    filter.allow("open", {bits(1, changing, O_RDONLY)});
    filter.allow("openat", {bits(2, changing, O_RDONLY)});
    // openat2 is not there: its arguments are in memory, where a filter cannot look.
    filter.add(SCMP_ACT_ERRNO(EPERM), "open", {bits(1, O_ACCMODE, O_WRONLY)});
    filter.add(SCMP_ACT_ERRNO(EPERM), "open", {bits(1, O_ACCMODE, O_RDWR)});
    filter.add(SCMP_ACT_ERRNO(EPERM), "openat", {bits(2, O_ACCMODE, O_WRONLY)});
    filter.add(SCMP_ACT_ERRNO(EPERM), "openat", {bits(2, O_ACCMODE, O_RDWR)});
    // TIOCSTI would type into the terminal of whoever runs the program by hand.
    for (const auto request : {FIONBIO, FIONREAD, FIOCLEX, FIONCLEX, TCGETS, TIOCGWINSZ})
        filter.allow("ioctl", {bits(1, low_half, static_cast<std::uint64_t>(request))});
}

// Code comes from files (loading a name service module), never from memory that was written to.
void allow_memory(Filter& filter) {
    constexpr std::uint64_t changing_code = PROT_WRITE | PROT_EXEC;
    constexpr std::uint64_t from_memory = MAP_ANONYMOUS;
    filter.allow("mmap", {bits(2, PROT_EXEC, 0)});
    filter.allow("mmap", {bits(2, changing_code, PROT_EXEC), bits(3, from_memory, 0)});
    filter.allow("mmap2", {bits(2, PROT_EXEC, 0)});
    filter.allow("mmap2", {bits(2, changing_code, PROT_EXEC), bits(3, from_memory, 0)});
    filter.allow("mprotect", {bits(2, PROT_EXEC, 0)});
}

void allow_threads(Filter& filter) {
    constexpr std::uint64_t thread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
    constexpr std::uint64_t namespaces =
        CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    // s390 has the flags second, everything else first.
#if defined(__s390__)
    constexpr unsigned flags = 1;
#else
    constexpr unsigned flags = 0;
#endif
    filter.allow("clone", {bits(flags, thread | namespaces, thread)});
    filter.add(SCMP_ACT_ERRNO(EPERM), "clone", {bits(flags, CLONE_THREAD, 0)});
    // abort() and pthread_kill()
    filter.allow("tgkill", {bits(0, low_half, static_cast<std::uint64_t>(getpid()))});
    // Asking for limits, not setting them.
    filter.allow("prlimit64", {bits(0, low_half, 0), {2, SCMP_CMP_EQ, 0, 0}});
    for (const int option : {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_SET_VMA, PR_CAPBSET_READ})
        filter.allow("prctl", {bits(0, low_half, static_cast<std::uint64_t>(option))});
}

// No local socket: PostgreSQL, D-Bus and the like listen on those. libc then asks name servers itself where it would
// have asked a local daemon.
void allow_sockets(Filter& filter) {
    constexpr std::uint64_t type = 0xFF;  // without SOCK_CLOEXEC and SOCK_NONBLOCK
    for (const int family : {AF_INET, AF_INET6}) {
        const auto number = static_cast<std::uint64_t>(family);
        filter.allow("socket", {bits(0, low_half, number), bits(1, type, SOCK_STREAM)});
        filter.allow("socket", {bits(0, low_half, number), bits(1, type, SOCK_DGRAM)});
    }
    filter.allow("socket", {bits(0, low_half, AF_NETLINK), bits(2, low_half, NETLINK_ROUTE)});
    for (const int family : {AF_UNIX, AF_PACKET, AF_ALG, AF_VSOCK})
        filter.add(SCMP_ACT_ERRNO(EPERM), "socket", {bits(0, low_half, static_cast<std::uint64_t>(family))});
}

// The run time of the sanitizers.
void allow_sanitizer(Filter& filter) {
    if (!built_with_sanitizer) return;
    filter.allow("mprotect");
    filter.allow("clone3");
}

}  // namespace

bool restrict_system_calls() {
    Filter filter;
    for (const char* name : allowed_always)
        filter.allow(name);
    for (const char* name : refused)
        filter.add(SCMP_ACT_ERRNO(EPERM), name);
    for (const char* name : hostile)
        filter.add(SCMP_ACT_KILL_PROCESS, name);
    allow_reading_files(filter);
    allow_memory(filter);
    allow_threads(filter);
    allow_sockets(filter);
    allow_sanitizer(filter);
    return filter.load();
}

}  // namespace vitals::prober
