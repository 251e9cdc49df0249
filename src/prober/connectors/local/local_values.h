// The arithmetic: two samples become the values that are stored.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/wire.h"
#include "prober/connectors/local/local_sample.h"

namespace vitals::prober {

struct LocalValues {
    std::vector<core::Value> values;    // of the metrics asked for that the host has
    std::optional<double> interval_ms;  // what rates were computed over; nothing without a valid predecessor
};

// `before` is the predecessor, or nullptr. `gap` is how old it may be (core::max_gap). No value where the host did not
// say, and for a rate without a valid predecessor.
//
// Formulas (d = difference to the predecessor, dt = d(time since the start of the host)):
//   cpu_percent            100 * (d(all) - d(idle) - d(iowait)) / d(all), all = user + nice + system + idle + iowait +
//                          irq + softirq + steal; guest times are in user and nice already. 0 … 100.
//   cpu_iowait_percent     100 * d(iowait) / d(all); cpu_steal_percent alike
//   memory_percent         100 * (MemTotal - MemAvailable) / MemTotal
//   swap_percent           100 * (SwapTotal - SwapFree) / SwapTotal; no value without swap space
//   disk_percent           100 * used / (used + available to users), per mount point
//   disk_read_ops          d(reads) / dt per device; disk_write_ops alike
//   disk_read_bytes        512 * d(sectors read) / dt per device; disk_write_bytes alike
//   disk_io_reads          sum of d(reads) over the devices that do not lie on others / dt; disk_io_writes alike
//   net_bytes_in           d(received bytes) / dt per interface; net_bytes_out alike
LocalValues compute_local_values(const LocalSample* before, const LocalSample& now,
                                 const std::vector<std::string>& metrics, std::chrono::milliseconds gap);

}  // namespace vitals::prober
