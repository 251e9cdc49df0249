// What stands in the files of /proc that the connector reads. Pure functions from text to counters and readings, no
// arithmetic: what is missing or does not look as the kernel writes it is absent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vitals::prober {

// Times since the start in ticks of all CPUs together. Guest times are part of user and nice already.
struct CpuTimes {
    std::int64_t user = 0;
    std::int64_t nice = 0;
    std::int64_t system = 0;
    std::int64_t idle = 0;
    std::int64_t iowait = 0;
    std::int64_t irq = 0;
    std::int64_t softirq = 0;
    std::int64_t steal = 0;
};

// /proc/stat.
struct ProcStat {
    std::optional<CpuTimes> cpu;
    int cpu_count = 0;
    std::optional<std::int64_t> boot_time;  // seconds since 1970
};
ProcStat parse_proc_stat(std::string_view text);

// /proc/meminfo, bytes.
struct MemoryInfo {
    std::optional<double> total;
    std::optional<double> available;
    std::optional<double> swap_total;
    std::optional<double> swap_free;
};
MemoryInfo parse_meminfo(std::string_view text);

// /proc/loadavg: over 1, 5 and 15 minutes.
std::optional<std::array<double, 3>> parse_loadavg(std::string_view text);

// /proc/uptime, seconds.
std::optional<double> parse_uptime(std::string_view text);

// /proc/sys/kernel/random/boot_id: a number that differs between two starts of the host.
std::optional<std::int64_t> parse_boot_id(std::string_view text);

// Beyond this many, disks and interfaces are left out; the first ones of the file stay.
constexpr std::size_t max_local_instances = 64;

// /proc/diskstats.
struct DiskCounters {
    std::string name;
    bool stacked = false;  // lies on other devices of the list (LVM, RAID): not to be summed with them
    std::int64_t reads = 0;
    std::int64_t writes = 0;
    std::int64_t sectors_read = 0;  // of 512 bytes, whatever the device uses
    std::int64_t sectors_written = 0;
};
// Whole devices that have been used since the start; without partitions, RAM disks, loop devices and removable drives.
std::vector<DiskCounters> parse_diskstats(std::string_view text);

// /proc/net/dev.
struct NetworkCounters {
    std::string name;
    std::int64_t bytes_in = 0;
    std::int64_t bytes_out = 0;
};
// Interfaces that have been used since the start; without loopback and the host's ends of containers' interfaces, which
// come and go under ever new names.
std::vector<NetworkCounters> parse_net_dev(std::string_view text);

}  // namespace vitals::prober
