#include "prober/connectors/local/local_sample.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <system_error>

#include "prober/connectors/local/local_mounts.h"
#include "prober/connectors/local/proc_text.h"

namespace vitals::prober {

namespace {

using core::ErrorClass;

std::chrono::milliseconds time_since_boot() {
    timespec now{};
    // The time that the host slept counts, so that a rate is never over less time than has passed.
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::seconds{now.tv_sec} +
                                                                 std::chrono::nanoseconds{now.tv_nsec});
}

std::optional<FileSystemUse> ask_file_system(const std::string& mount_point) {
    struct statvfs info {};
    if (::statvfs(mount_point.c_str(), &info) != 0) return std::nullopt;
    const double block = static_cast<double>(info.f_frsize);
    const auto free = std::min(info.f_bfree, info.f_blocks);
    return FileSystemUse{.total = static_cast<double>(info.f_blocks) * block,
                         .used = static_cast<double>(info.f_blocks - free) * block,
                         .available = static_cast<double>(std::min(info.f_bavail, free)) * block};
}

class SampleReader {
  public:
    SampleReader(const LocalSources& sources, const Deadline& deadline) : sources_(sources), deadline_(deadline) {}

    LocalSample read(const std::set<LocalGroup>& groups) {
        for (const LocalGroup group : groups)
            read_group(group);
        // After the counters, as close to them as it gets; statvfs may have taken its time before them.
        read_clock();
        return std::move(sample_);
    }

  private:
    void read_group(LocalGroup group) {
        if (deadline_.passed()) {
            fail(group, ErrorClass::timeout, fmt::format("the deadline passed before {}", path_of(group)));
            return;
        }
        const ProcFile file = read_proc_file(path_of(group));
        if (file.error != 0) {
            const bool denied = file.error == EACCES || file.error == EPERM;
            fail(group, denied ? ErrorClass::permission : ErrorClass::server_error,
                 fmt::format("cannot read {}: {}", path_of(group), std::generic_category().message(file.error)));
        } else if (!parse(group, file.text)) {
            fail(group, ErrorClass::protocol, fmt::format("{} does not have the expected content", path_of(group)));
        }
    }

    bool parse(LocalGroup group, const std::string& text) {
        switch (group) {
            case LocalGroup::cpu:
                return take_stat(parse_proc_stat(text));
            case LocalGroup::memory:
                sample_.memory = parse_meminfo(text);
                return sample_.memory->total && sample_.memory->available;
            case LocalGroup::load:
                sample_.load = parse_loadavg(text);
                return sample_.load.has_value();
            case LocalGroup::uptime:
                sample_.uptime_s = parse_uptime(text);
                return sample_.uptime_s.has_value();
            case LocalGroup::disks:
                sample_.disks = parse_diskstats(text);
                return true;
            case LocalGroup::network:
                sample_.networks = parse_net_dev(text);
                return true;
            case LocalGroup::file_systems:
                break;
        }
        return ask_mounts(select_mount_points(text));
    }

    bool take_stat(const ProcStat& stat) {
        sample_.cpu = stat.cpu;
        sample_.cpu_count = stat.cpu_count;
        boot_time_ = stat.boot_time;
        return stat.cpu.has_value();
    }

    bool ask_mounts(const std::vector<std::string>& mount_points) {
        std::vector<MountUse> mounts;
        for (const auto& point : mount_points) {
            if (deadline_.passed()) {
                fail(LocalGroup::file_systems, ErrorClass::timeout,
                     "the deadline passed before all file systems answered");
                break;
            }
            const auto use = sources_.file_system(point);
            if (use && use->total > 0) mounts.push_back({point, *use});
        }
        sample_.mounts = std::move(mounts);
        return true;
    }

    void read_clock() {
        auto start = parse_boot_id(read_proc_file(sources_.proc + "/sys/kernel/random/boot_id").text);
        if (!start) start = boot_time_;
        if (start) sample_.clock = core::SampleClock{{0, *start}, sources_.clock().count()};
    }

    void fail(LocalGroup group, ErrorClass error_class, std::string message) {
        sample_.failures.emplace_back(group, core::Failure{error_class, 0, std::move(message)});
    }

    [[nodiscard]] std::string path_of(LocalGroup group) const {
        return fmt::format("{}/{}", sources_.proc, file_of(group));
    }

    const LocalSources& sources_;
    const Deadline& deadline_;
    LocalSample sample_;
    std::optional<std::int64_t> boot_time_;
};

}  // namespace

const char* file_of(LocalGroup group) noexcept {
    switch (group) {
        case LocalGroup::cpu:
            return "stat";
        case LocalGroup::memory:
            return "meminfo";
        case LocalGroup::load:
            return "loadavg";
        case LocalGroup::uptime:
            return "uptime";
        case LocalGroup::file_systems:
            return "self/mounts";
        case LocalGroup::disks:
            return "diskstats";
        case LocalGroup::network:
            break;
    }
    return "net/dev";
}

LocalSources host_sources() {
    return {"/proc", time_since_boot, ask_file_system};
}

LocalSample read_local_sample(const LocalSources& sources, const std::set<LocalGroup>& groups,
                              const Deadline& deadline) {
    return SampleReader(sources, deadline).read(groups);
}

}  // namespace vitals::prober
