// The system calls by name that the sandbox's filter (seccomp.cpp) treats alike whatever their arguments.
#pragma once

#include <array>

namespace vitals::prober {

// clang-format off
constexpr std::array allowed_always{
    // descriptors and files that are open
    "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "close", "close_range", "lseek", "_llseek",
    "fstat", "fstat64", "fstatfs", "fstatfs64", "dup", "dup2", "dup3", "fcntl", "fcntl64", "getdents", "getdents64",
    "pipe", "pipe2", "fadvise64",
    // looking at the file system; opening is further below
    "stat", "stat64", "lstat", "lstat64", "newfstatat", "fstatat64", "statx", "statfs", "statfs64", "access",
    "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd",
    // memory; what makes it executable is further below
    "brk", "munmap", "mremap", "madvise", "mincore", "mlock", "mlock2", "munlock", "membarrier",
    // threads; starting them is further below
    "futex", "futex_time64", "futex_waitv", "set_robust_list", "get_robust_list", "set_tid_address", "rseq",
    "gettid", "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_get_priority_max",
    "sched_get_priority_min", "exit", "exit_group", "restart_syscall", "arch_prctl", "getcpu",
    // who and where we are
    "getpid", "getppid", "getpgrp", "getpgid", "getsid", "getuid", "geteuid", "getgid", "getegid", "getresuid",
    "getresgid", "getgroups", "getuid32", "geteuid32", "getgid32", "getegid32", "uname", "sysinfo", "getrusage",
    "getrlimit", "ugetrlimit", "times", "getrandom",
    // signals to ourselves
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "rt_sigpending", "rt_sigsuspend",
    "rt_sigtimedwait", "rt_sigtimedwait_time64", "sigaltstack", "signalfd4", "pause", "alarm", "setitimer",
    "getitimer",
    // time
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "clock_nanosleep",
    "clock_nanosleep_time64", "nanosleep", "gettimeofday", "time", "timerfd_create", "timerfd_settime",
    "timerfd_settime64", "timerfd_gettime", "timerfd_gettime64",
    // waiting
    "poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64", "epoll_create",
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2",
    // sockets; making them is further below. bind without listen: resolvers and SNMP bind UDP and netlink sockets.
    "connect", "bind", "getsockname", "getpeername", "getsockopt", "setsockopt", "send", "recv", "sendto",
    "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "recvmmsg_time64", "shutdown"};

// A library may try these in good faith: running a helper, caching a Kerberos ticket, writing a cache.
constexpr std::array refused{
    "execve", "execveat", "fork", "vfork", "creat", "listen", "accept", "accept4", "socketpair", "kill", "tkill",
    "truncate", "ftruncate", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir",
    "link", "linkat", "symlink", "symlinkat", "mknod", "mknodat", "chmod", "fchmod", "fchmodat", "chown", "fchown",
    "lchown", "fchownat", "utime", "utimes", "utimensat", "futimesat", "setxattr", "lsetxattr", "fsetxattr",
    "setrlimit", "setpriority", "ioprio_set", "personality", "add_key", "request_key", "keyctl", "perf_event_open",
    "io_uring_setup", "io_uring_enter", "io_uring_register", "kcmp", "process_madvise", "name_to_handle_at",
    "pidfd_open", "pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "setuid", "setgid", "setreuid",
    "setregid", "setresuid", "setresgid", "setgroups", "capset", "chroot", "inotify_init", "inotify_init1",
    "fanotify_init"};

// Nothing that the prober or its libraries do can lead here.
constexpr std::array hostile{
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "bpf", "userfaultfd", "init_module",
    "finit_module", "delete_module", "kexec_load", "kexec_file_load", "mount", "umount", "umount2", "pivot_root",
    "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "unshare", "setns",
    "open_by_handle_at", "quotactl", "quotactl_fd", "swapon", "swapoff", "reboot", "syslog", "acct", "settimeofday",
    "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "iopl", "ioperm",
    "lookup_dcookie", "migrate_pages", "move_pages", "vhangup", "nfsservctl"};
// clang-format on

}  // namespace vitals::prober
