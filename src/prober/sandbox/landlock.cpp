#include "prober/sandbox/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace vitals::prober {

namespace {

// The kernel may be newer than the header this is compiled with: what later versions added is repeated here. Numbers
// are the kernel's binary interface and never change.
struct RulesetAttributes {
    std::uint64_t handled_access_fs;
    std::uint64_t handled_access_net;  // from version 4
    std::uint64_t scoped;              // from version 6
};

constexpr std::uint64_t fs_read_file = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t fs_read_dir = LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t fs_version_1 = (1ULL << 13U) - 1;
constexpr std::uint64_t fs_refer = 1ULL << 13U;
constexpr std::uint64_t fs_truncate = 1ULL << 14U;
constexpr std::uint64_t fs_ioctl_device = 1ULL << 15U;
constexpr std::uint64_t net_bind_tcp = 1ULL << 0U;
constexpr std::uint64_t scope_abstract_socket = 1ULL << 0U;
constexpr std::uint64_t scope_signal = 1ULL << 1U;

constexpr int refer_version = 2;
constexpr int truncate_version = 3;
constexpr int network_version = 4;
constexpr int ioctl_version = 5;
constexpr int scope_version = 6;

class Descriptor {
  public:
    explicit Descriptor(long fd) : fd_(static_cast<int>(fd)) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }

  private:
    int fd_;
};

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

// 0 where there is no Landlock: not built, not enabled, or hidden by the seccomp filter of a container.
int offered_version() {
    const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version < 0 ? 0 : static_cast<int>(version);
}

RulesetAttributes everything_of(int version) {
    RulesetAttributes attributes{fs_version_1, 0, 0};
    if (version >= refer_version) attributes.handled_access_fs |= fs_refer;
    if (version >= truncate_version) attributes.handled_access_fs |= fs_truncate;
    if (version >= network_version) attributes.handled_access_net |= net_bind_tcp;
    if (version >= ioctl_version) attributes.handled_access_fs |= fs_ioctl_device;
    if (version >= scope_version) attributes.scoped |= scope_abstract_socket | scope_signal;
    return attributes;
}

// An older kernel refuses a structure with fields that it does not know.
std::size_t size_known_to(int version) {
    if (version >= scope_version) return sizeof(RulesetAttributes);
    if (version >= network_version) return offsetof(RulesetAttributes, scoped);
    return offsetof(RulesetAttributes, handled_access_net);
}

void allow_reading(int ruleset, const std::string& path) {
    const Descriptor target(open(path.c_str(), O_PATH | O_CLOEXEC));
    if (target.get() < 0) return;
    struct stat found {};
    if (fstat(target.get(), &found) != 0) fail("cannot look at a readable path");
    landlock_path_beneath_attr rule{};
    // A rule for a file must not name rights that only a directory has.
    rule.allowed_access = S_ISDIR(found.st_mode) ? fs_read_file | fs_read_dir : fs_read_file;
    rule.parent_fd = target.get();
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
        fail("cannot add a Landlock rule");
}

std::vector<std::string> missing_from(int version) {
    if (version == 0) return {"landlock"};
    std::vector<std::string> missing;
    for (const int later : {truncate_version, network_version, ioctl_version, scope_version}) {
        if (version < later) missing.push_back("landlock_abi_" + std::to_string(later));
    }
    return missing;
}

}  // namespace

std::vector<std::string> restrict_files(const std::vector<std::string>& readable) {
    const int version = offered_version();
    if (version == 0) return missing_from(version);
    const RulesetAttributes attributes = everything_of(version);
    const Descriptor ruleset(syscall(SYS_landlock_create_ruleset, &attributes, size_known_to(version), 0));
    if (ruleset.get() < 0) fail("cannot create a Landlock ruleset");
    for (const std::string& path : readable)
        allow_reading(ruleset.get(), path);
    if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) == 0) return missing_from(version);
    // So many sandboxes around this one that the kernel takes no further.
    if (errno == E2BIG) return {"landlock"};
    fail("cannot enforce Landlock");
}

}  // namespace vitals::prober
