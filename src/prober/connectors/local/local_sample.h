// What one poll read from the host. No arithmetic yet; what could not be read is absent and has a failure.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/rates.h"
#include "core/wire.h"
#include "prober/connectors/local/local_metric.h"
#include "prober/connectors/local/proc_files.h"
#include "prober/deadline.h"

namespace vitals::prober {

// Bytes, as statvfs counts them.
struct FileSystemUse {
    double total = 0;
    double used = 0;
    double available = 0;  // to users; the rest of the free space is reserved for root
};

// Where the numbers come from, so that tests can put files and a clock of their own in the place of the host's.
struct LocalSources {
    std::string proc;                                  // "/proc"
    std::function<std::chrono::milliseconds()> clock;  // since the host started; never set by anybody
    std::function<std::optional<FileSystemUse>(const std::string& mount_point)> file_system;
};
LocalSources host_sources();

struct MountUse {
    std::string mount_point;
    FileSystemUse use;
};

struct LocalSample {
    std::optional<core::SampleClock> clock;
    std::optional<CpuTimes> cpu;
    int cpu_count = 0;
    std::optional<MemoryInfo> memory;
    std::optional<std::array<double, 3>> load;
    std::optional<double> uptime_s;
    std::optional<std::vector<MountUse>> mounts;
    std::optional<std::vector<DiskCounters>> disks;
    std::optional<std::vector<NetworkCounters>> networks;

    // In the order of the groups.
    std::vector<std::pair<LocalGroup, core::Failure>> failures;
};

LocalSample read_local_sample(const LocalSources& sources, const std::set<LocalGroup>& groups,
                              const Deadline& deadline);

// File names below LocalSources::proc.
const char* file_of(LocalGroup group) noexcept;

}  // namespace vitals::prober
