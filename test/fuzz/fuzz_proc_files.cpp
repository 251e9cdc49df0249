// The files of /proc, as a container or a strange kernel may show them: bounded lists of storable names, no negative
// counters, values in their ranges, and a line that the collector accepts.
#include <array>
#include <chrono>
#include <cmath>
#include <set>
#include <string>
#include <string_view>

#include "core/wire.h"
#include "prober/connectors/local/local_mounts.h"
#include "prober/connectors/local/local_values.h"
#include "prober/connectors/local/proc_files.h"
#include "prober/connectors/local/proc_text.h"
#include "property.h"

namespace {

using vitals::fuzz::require;
using vitals::prober::LocalSample;

// The files of one sample are separated by this byte, which the kernel never writes.
constexpr char separator = '\x1e';
constexpr std::size_t files = 7;

std::array<std::string_view, files> cut(std::string_view text) {
    std::array<std::string_view, files> parts;
    for (auto& part : parts) {
        const std::size_t end = text.find(separator);
        part = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    return parts;
}

LocalSample read_sample(std::string_view text) {
    const auto parts = cut(text);
    LocalSample sample;
    const auto stat = vitals::prober::parse_proc_stat(parts[0]);
    sample.cpu = stat.cpu;
    sample.memory = vitals::prober::parse_meminfo(parts[1]);
    sample.load = vitals::prober::parse_loadavg(parts[2]);
    sample.uptime_s = vitals::prober::parse_uptime(parts[3]);
    sample.disks = vitals::prober::parse_diskstats(parts[4]);
    sample.networks = vitals::prober::parse_net_dev(parts[5]);
    sample.mounts.emplace();
    for (const auto& point : vitals::prober::select_mount_points(parts[6])) {
        require(point.starts_with('/') && vitals::prober::is_plain_name(point), "mount points are storable paths");
        sample.mounts->push_back({point, {.total = 3, .used = 2, .available = 1}});
    }
    vitals::prober::parse_boot_id(parts[3]);
    return sample;
}

void check_sample(const LocalSample& sample) {
    require(sample.disks->size() <= vitals::prober::max_local_instances, "few disks");
    require(sample.networks->size() <= vitals::prober::max_local_instances, "few interfaces");
    require(sample.mounts->size() <= vitals::prober::max_local_mounts, "few mounts");
    for (const auto& disk : *sample.disks)
        require(disk.reads >= 0 && disk.writes >= 0 && disk.sectors_read >= 0 && disk.sectors_written >= 0,
                "counters are not negative");
}

}  // namespace

// The input is two samples with two separators between them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = vitals::fuzz::text_of(data, size);
    const std::size_t half = text.find(std::string{separator, separator});
    LocalSample before = read_sample(text.substr(0, half));
    LocalSample now = read_sample(half == std::string_view::npos ? text : text.substr(half + 2));
    check_sample(before);
    check_sample(now);
    before.clock = vitals::core::SampleClock{{0, 1}, 1'000};
    now.clock = vitals::core::SampleClock{{0, 1}, 61'000};

    vitals::core::Result result;
    result.outcome = vitals::core::Outcome::ok;
    result.values = vitals::prober::compute_local_values(&before, now, {}, std::chrono::minutes{15}).values;
    for (const auto& value : result.values) {
        if (!value.value) continue;
        require(std::isfinite(*value.value) && *value.value >= 0, "values are finite and not negative");
        require(!value.metric.ends_with("_percent") || *value.value <= 100, "percentages are at most 100");
    }
    try {
        vitals::core::parse_report(vitals::core::encode(result));
    } catch (const vitals::core::WireError& error) {
        require(false, error.what());
    }
    return 0;
}
