// The metrics of the connector, and which source each of them needs.
#pragma once

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vitals::prober {

// One source of numbers, read only when one of its metrics is wanted.
enum class LocalGroup {
    cpu,           // /proc/stat
    memory,        // /proc/meminfo
    load,          // /proc/loadavg
    uptime,        // /proc/uptime
    file_systems,  // /proc/self/mounts and statvfs
    disks,         // /proc/diskstats
    network,       // /proc/net/dev
};

constexpr std::array<std::pair<std::string_view, LocalGroup>, 22> local_metric_names{{
    {"cpu_percent", LocalGroup::cpu},
    {"cpu_iowait_percent", LocalGroup::cpu},
    {"cpu_steal_percent", LocalGroup::cpu},
    {"memory_percent", LocalGroup::memory},
    {"memory_total_bytes", LocalGroup::memory},
    {"memory_available_bytes", LocalGroup::memory},
    {"swap_percent", LocalGroup::memory},
    {"load1", LocalGroup::load},
    {"load5", LocalGroup::load},
    {"load15", LocalGroup::load},
    {"uptime_seconds", LocalGroup::uptime},
    {"disk_percent", LocalGroup::file_systems},
    {"disk_used_bytes", LocalGroup::file_systems},
    {"disk_total_bytes", LocalGroup::file_systems},
    {"disk_io_reads", LocalGroup::disks},
    {"disk_io_writes", LocalGroup::disks},
    {"disk_read_ops", LocalGroup::disks},
    {"disk_write_ops", LocalGroup::disks},
    {"disk_read_bytes", LocalGroup::disks},
    {"disk_write_bytes", LocalGroup::disks},
    {"net_bytes_in", LocalGroup::network},
    {"net_bytes_out", LocalGroup::network},
}};

// No names mean all. Names of other connectors are ignored: one tenant configures all its targets with one list.
bool is_wanted(std::string_view metric, const std::vector<std::string>& names);
std::set<LocalGroup> local_groups_for(const std::vector<std::string>& names);

}  // namespace vitals::prober
