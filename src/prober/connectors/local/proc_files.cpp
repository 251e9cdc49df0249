#include "prober/connectors/local/proc_files.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "prober/connectors/local/proc_text.h"

namespace vitals::prober {

namespace {

using Words = std::vector<std::string_view>;

constexpr double bytes_per_kb = 1024;

std::optional<CpuTimes> parse_cpu_times(const Words& words) {
    // Kernels before 2.6.11 end with softirq; before that nothing is missing.
    constexpr std::size_t least_fields = 4;
    constexpr std::size_t fields = 8;
    std::array<std::int64_t, fields> ticks{};
    if (words.size() < 1 + least_fields) return std::nullopt;
    for (std::size_t i = 0; i < fields && i + 1 < words.size(); ++i) {
        const auto count = count_of(words[i + 1]);
        if (!count) return std::nullopt;
        ticks.at(i) = *count;
    }
    return CpuTimes{ticks[0], ticks[1], ticks[2], ticks[3], ticks[4], ticks[5], ticks[6], ticks[7]};
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool all_digits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

bool starts_with_any(std::string_view name, const auto& prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](std::string_view prefix) { return name.starts_with(prefix); });
}

// The kernel's rule: the partition's number follows the name of the disk, after a "p" where that ends with a digit.
bool is_partition_of(std::string_view name, std::string_view disk) {
    if (disk.empty() || !name.starts_with(disk)) return false;
    std::string_view rest = name.substr(disk.size());
    if (is_digit(disk.back())) {
        if (!rest.starts_with('p')) return false;
        rest.remove_prefix(1);
    }
    return all_digits(rest);
}

// "nvme0c1n1": one of several paths to nvme0n1.
bool is_nvme_path(std::string_view name) {
    return name.starts_with("nvme") && name.find('c') != std::string_view::npos;
}

constexpr std::array<std::string_view, 5> memory_and_removable{"loop", "ram", "zram", "fd", "sr"};
constexpr std::array<std::string_view, 4> stacked_devices{"dm-", "md", "bcache", "drbd"};
constexpr std::array<std::string_view, 3> container_interfaces{"veth", "cali", "lxc"};

std::optional<DiskCounters> parse_disk(const Words& words) {
    constexpr std::size_t fields_needed = 10;
    if (words.size() < fields_needed || !is_plain_name(words[2])) return std::nullopt;
    const auto reads = count_of(words[3]);
    const auto sectors_read = count_of(words[5]);
    const auto writes = count_of(words[7]);
    const auto sectors_written = count_of(words[9]);
    if (!reads || !sectors_read || !writes || !sectors_written) return std::nullopt;
    return DiskCounters{
        std::string(words[2]), starts_with_any(words[2], stacked_devices), *reads, *writes, *sectors_read,
        *sectors_written};
}

// Only the line above can be the disk of a partition: the kernel lists a disk and its partitions together.
bool is_left_out(const DiskCounters& disk, std::string_view whole_disk) {
    return is_partition_of(disk.name, whole_disk) || starts_with_any(disk.name, memory_and_removable) ||
           is_nvme_path(disk.name);
}

template <typename Counters>
void add_unless_known(std::vector<Counters>& list, Counters counters) {
    const auto same = [&](const Counters& other) { return other.name == counters.name; };
    if (list.size() < max_local_instances && std::none_of(list.begin(), list.end(), same))
        list.push_back(std::move(counters));
}

}  // namespace

ProcStat parse_proc_stat(std::string_view text) {
    ProcStat stat;
    for (const auto line : lines_of(text)) {
        if (line.starts_with("cpu ")) {
            stat.cpu = parse_cpu_times(words_of(line));
        } else if (line.starts_with("cpu")) {
            ++stat.cpu_count;
        } else if (line.starts_with("btime ")) {
            const Words words = words_of(line);
            if (words.size() == 2) stat.boot_time = count_of(words[1]);
        }
    }
    return stat;
}

MemoryInfo parse_meminfo(std::string_view text) {
    MemoryInfo memory;
    const std::array<std::pair<std::string_view, std::optional<double>*>, 4> fields{{
        {"MemTotal:", &memory.total},
        {"MemAvailable:", &memory.available},
        {"SwapTotal:", &memory.swap_total},
        {"SwapFree:", &memory.swap_free},
    }};
    for (const auto line : lines_of(text)) {
        const Words words = words_of(line);
        if (words.size() != 3 || words[2] != "kB") continue;
        for (const auto& [name, field] : fields) {
            const auto count = count_of(words[1]);
            if (words[0] == name && count) *field = static_cast<double>(*count) * bytes_per_kb;
        }
    }
    return memory;
}

std::optional<std::array<double, 3>> parse_loadavg(std::string_view text) {
    const auto lines = lines_of(text);
    const Words words = lines.empty() ? Words{} : words_of(lines.front());
    if (words.size() < 3) return std::nullopt;
    const auto one = decimal_of(words[0]);
    const auto five = decimal_of(words[1]);
    const auto fifteen = decimal_of(words[2]);
    if (!one || !five || !fifteen) return std::nullopt;
    return std::array<double, 3>{*one, *five, *fifteen};
}

std::optional<double> parse_uptime(std::string_view text) {
    const auto lines = lines_of(text);
    const Words words = lines.empty() ? Words{} : words_of(lines.front());
    return words.empty() ? std::nullopt : decimal_of(words[0]);
}

std::optional<std::int64_t> parse_boot_id(std::string_view text) {
    // The first 60 bits of a random UUID are enough to tell two of them apart.
    constexpr std::size_t digits_used = 15;
    constexpr int hexadecimal = 16;
    std::string digits;
    for (const char c : text.substr(0, text.find('\n'))) {
        if (c != '-') digits.push_back(c);
    }
    if (digits.size() != 32) return std::nullopt;
    std::int64_t id = 0;
    const char* last = digits.data() + digits_used;
    const auto [end, error] = std::from_chars(digits.data(), last, id, hexadecimal);
    if (error != std::errc() || end != last || id < 0) return std::nullopt;
    return id;
}

std::vector<DiskCounters> parse_diskstats(std::string_view text) {
    std::vector<DiskCounters> disks;
    std::string whole_disk;
    for (const auto line : lines_of(text)) {
        auto disk = parse_disk(words_of(line));
        if (!disk || is_left_out(*disk, whole_disk)) continue;
        whole_disk = disk->name;
        if (disk->reads != 0 || disk->writes != 0) add_unless_known(disks, std::move(*disk));
    }
    return disks;
}

std::vector<NetworkCounters> parse_net_dev(std::string_view text) {
    std::vector<NetworkCounters> interfaces;
    for (const auto line : lines_of(text)) {
        // The first counter may stand directly behind the colon.
        const std::size_t colon = line.rfind(':');
        if (colon == std::string_view::npos) continue;
        const Words name = words_of(line.substr(0, colon));
        const Words counters = words_of(line.substr(colon + 1));
        constexpr std::size_t transmitted_bytes = 8;
        if (name.size() != 1 || counters.size() <= transmitted_bytes || !is_plain_name(name[0])) continue;
        if (name[0] == "lo" || starts_with_any(name[0], container_interfaces)) continue;
        const auto in = count_of(counters[0]);
        const auto out = count_of(counters[transmitted_bytes]);
        if (!in || !out || (*in == 0 && *out == 0)) continue;
        add_unless_known(interfaces, NetworkCounters{std::string(name[0]), *in, *out});
    }
    return interfaces;
}

}  // namespace vitals::prober
