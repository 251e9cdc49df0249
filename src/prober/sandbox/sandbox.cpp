#include "prober/sandbox/sandbox.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "prober/sandbox/landlock.h"
#include "prober/sandbox/sanitizers.h"
#include "prober/sandbox/seccomp.h"

namespace vitals::prober {

namespace {

// Debian's and Red Hat's places; what is not there is skipped.
constexpr std::array certificates{"/etc/ssl/certs",    "/etc/pki/tls/certs",         "/etc/pki/ca-trust/extracted",
                                  "/etc/ssl/cert.pem", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
                                  "/usr/share/pki"};

// What getaddrinfo() reads. /etc/resolv.conf is often a link to a file that is replaced in one of the directories.
constexpr std::array name_service{"/etc/resolv.conf", "/etc/hosts",    "/etc/nsswitch.conf", "/etc/gai.conf",
                                  "/etc/host.conf",   "/etc/services", "/etc/protocols"};
constexpr std::array resolver_directories{"/run/systemd/resolve", "/run/resolvconf"};

// The system's configuration of Kerberos, and what Debian's and Red Hat's includes in it. No keys, no tickets.
constexpr std::array kerberos{"/etc/krb5.conf",       "/etc/krb5.conf.d",           "/etc/gss",
                              "/etc/crypto-policies", "/usr/share/crypto-policies", "/var/lib/sss/pubconf"};

// Modules that libc loads when it is asked for a name or a character set, and what libraries look at late.
constexpr std::array libraries{"/usr/lib",         "/usr/lib64",          "/lib",      "/lib64",
                               "/etc/ld.so.cache", "/usr/share/zoneinfo", "/dev/null", "/dev/urandom"};

constexpr const char* this_machine = "/proc";
// Reports of sanitizers name the lines of the code.
constexpr const char* own_process = "/proc/self";

template <std::size_t N>
void append(std::vector<std::string>& list, const std::array<const char*, N>& more) {
    list.insert(list.end(), more.begin(), more.end());
}

std::vector<std::string> readable_paths(const SandboxSettings& settings) {
    std::vector<std::string> paths = settings.ca_paths;
    append(paths, certificates);
    append(paths, name_service);
    append(paths, resolver_directories);
    append(paths, kerberos);
    append(paths, libraries);
    for (const std::string& path : {settings.krb5_config, settings.keytab}) {
        if (!path.empty()) paths.push_back(path);
    }
    if (settings.allow_local) paths.emplace_back(this_machine);
    if (built_with_sanitizer) paths.emplace_back(own_process);
    return paths;
}

// Root (a person who runs a check) and capabilities of the program file go past Landlock here and there: some read the
// environment of any process.
void drop_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    if (syscall(SYS_capset, &header, none.data()) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot drop capabilities");
}

}  // namespace

std::vector<std::string> name_service_files() {
    std::vector<std::string> files{name_service.begin(), name_service.end()};
    files.emplace_back(kerberos.front());
    return files;
}

std::vector<std::string> enter_sandbox(const SandboxSettings& settings) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot set no_new_privs");
    std::vector<std::string> missing = restrict_files(readable_paths(settings));
    drop_capabilities();
    if (!restrict_system_calls()) missing.emplace_back("seccomp");
    return missing;
}

}  // namespace vitals::prober
