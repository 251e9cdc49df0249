#include "prober/connectors/local/local_values.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace vitals::prober {

namespace {

constexpr double whole = 100.0;
constexpr double sector_bytes = 512.0;

using Number = std::optional<double>;

Number share(double part, double all) {
    if (!(all > 0)) return std::nullopt;
    return std::clamp(whole * part / all, 0.0, whole);
}

struct CpuShares {
    Number busy;
    Number iowait;
    Number steal;
};

// The kernel says that these go down now and then (Documentation/filesystems/proc.rst on iowait); psutil and others
// count such a step as none.
double tolerant_delta(std::int64_t before, std::int64_t now) {
    return static_cast<double>(core::counter_delta(before, now).value_or(0));
}

CpuShares cpu_shares(const CpuTimes& before, const CpuTimes& now) {
    double busy = 0;
    for (const auto field : {&CpuTimes::user, &CpuTimes::nice, &CpuTimes::system, &CpuTimes::irq, &CpuTimes::softirq}) {
        const auto delta = core::counter_delta(before.*field, now.*field);
        if (!delta) return {};
        busy += static_cast<double>(*delta);
    }
    const double steal = tolerant_delta(before.steal, now.steal);
    const double iowait = tolerant_delta(before.iowait, now.iowait);
    busy += steal;
    const double all = busy + iowait + tolerant_delta(before.idle, now.idle);
    return {share(busy, all), share(iowait, all), share(steal, all)};
}

// The counters of the same device or interface in the predecessor, or nullptr.
template <typename Counters>
const Counters* find_counters(const std::optional<std::vector<Counters>>& list, const std::string& name) {
    if (!list) return nullptr;
    const auto found = std::find_if(list->begin(), list->end(), [&](const auto& one) { return one.name == name; });
    return found != list->end() ? &*found : nullptr;
}

core::CounterSet counter_set(const std::vector<DiskCounters>& disks, std::int64_t DiskCounters::*field) {
    std::vector<core::KeyedCounter> counters;
    for (const auto& disk : disks) {
        if (!disk.stacked) counters.push_back({disk.name, disk.*field});
    }
    return core::make_counter_set(std::move(counters));
}

class ValueBuilder {
  public:
    ValueBuilder(const LocalSample* before, const LocalSample& now, const std::vector<std::string>& metrics,
                 std::chrono::milliseconds gap)
        : now_(now), metrics_(metrics) {
        if (before != nullptr && before->clock && now.clock)
            interval_ = core::sample_interval(*before->clock, *now.clock, gap);
        if (interval_) before_ = before;
    }

    LocalValues build() {
        add_cpu();
        add_memory();
        add("load1", now_.load ? Number((*now_.load)[0]) : std::nullopt);
        add("load5", now_.load ? Number((*now_.load)[1]) : std::nullopt);
        add("load15", now_.load ? Number((*now_.load)[2]) : std::nullopt);
        add("uptime_seconds", now_.uptime_s);
        add_mounts();
        add_disks();
        add_networks();
        if (interval_) result_.interval_ms = static_cast<double>(interval_->count());
        return std::move(result_);
    }

  private:
    void add(std::string_view metric, Number value, const std::string& instance = "") {
        if (is_wanted(metric, metrics_)) result_.values.push_back({std::string(metric), instance, value});
    }

    void add_cpu() {
        CpuShares shares;
        if (before_ != nullptr && before_->cpu && now_.cpu) shares = cpu_shares(*before_->cpu, *now_.cpu);
        add("cpu_percent", shares.busy);
        add("cpu_iowait_percent", shares.iowait);
        add("cpu_steal_percent", shares.steal);
    }

    void add_memory() {
        const MemoryInfo memory = now_.memory.value_or(MemoryInfo{});
        const auto used_share = [](Number total, Number free) {
            return total && free ? share(*total - *free, *total) : std::nullopt;
        };
        add("memory_percent", used_share(memory.total, memory.available));
        add("memory_total_bytes", memory.total);
        add("memory_available_bytes", memory.available);
        add("swap_percent", used_share(memory.swap_total, memory.swap_free));
    }

    void add_mounts() {
        for (const auto& [mount_point, use] : now_.mounts.value_or(std::vector<MountUse>{})) {
            add("disk_percent", share(use.used, use.used + use.available), mount_point);
            add("disk_used_bytes", use.used, mount_point);
            add("disk_total_bytes", use.total, mount_point);
        }
    }

    // Change per second of one field of one device or interface.
    template <typename Counters>
    [[nodiscard]] Number rate(const Counters* before, const Counters& now, std::int64_t Counters::*field) const {
        if (before == nullptr || !interval_) return std::nullopt;
        const auto delta = core::counter_delta(before->*field, now.*field);
        return core::per_second(delta ? Number(static_cast<double>(*delta)) : std::nullopt, *interval_);
    }

    [[nodiscard]] Number total_rate(std::int64_t DiskCounters::*field) const {
        if (before_ == nullptr || !before_->disks || !now_.disks) return std::nullopt;
        return core::per_second(core::delta_sum(counter_set(*before_->disks, field), counter_set(*now_.disks, field),
                                                core::KeyRule::own_life),
                                *interval_);
    }

    void add_disks() {
        const auto in_bytes = [](Number sectors) { return sectors ? Number(*sectors * sector_bytes) : std::nullopt; };
        add("disk_io_reads", total_rate(&DiskCounters::reads));
        add("disk_io_writes", total_rate(&DiskCounters::writes));
        for (const auto& disk : now_.disks.value_or(std::vector<DiskCounters>{})) {
            const auto* before = before_ != nullptr ? find_counters(before_->disks, disk.name) : nullptr;
            add("disk_read_ops", rate(before, disk, &DiskCounters::reads), disk.name);
            add("disk_write_ops", rate(before, disk, &DiskCounters::writes), disk.name);
            add("disk_read_bytes", in_bytes(rate(before, disk, &DiskCounters::sectors_read)), disk.name);
            add("disk_write_bytes", in_bytes(rate(before, disk, &DiskCounters::sectors_written)), disk.name);
        }
    }

    void add_networks() {
        for (const auto& network : now_.networks.value_or(std::vector<NetworkCounters>{})) {
            const auto* before = before_ != nullptr ? find_counters(before_->networks, network.name) : nullptr;
            add("net_bytes_in", rate(before, network, &NetworkCounters::bytes_in), network.name);
            add("net_bytes_out", rate(before, network, &NetworkCounters::bytes_out), network.name);
        }
    }

    const LocalSample* before_ = nullptr;  // set only when it is a valid predecessor
    const LocalSample& now_;
    const std::vector<std::string>& metrics_;
    std::optional<std::chrono::milliseconds> interval_;
    LocalValues result_;
};

}  // namespace

LocalValues compute_local_values(const LocalSample* before, const LocalSample& now,
                                 const std::vector<std::string>& metrics, std::chrono::milliseconds gap) {
    return ValueBuilder(before, now, metrics, gap).build();
}

}  // namespace vitals::prober
