// Result sets with any type and number in any column, twice in a row: no percentage outside 0 … 100, nothing that is
// not finite, no negative rate.
#include <fuzzer/FuzzedDataProvider.h>

#include <array>
#include <chrono>
#include <cmath>
#include <string>

#include "prober/connectors/mssql/mssql_sample.h"
#include "prober/connectors/mssql/mssql_values.h"
#include "property.h"

namespace {

using vitals::prober::Cell;
using vitals::prober::ResultSet;

constexpr std::array<const char*, 28> column_names{"server",
                                                   "edition",
                                                   "engine_edition",
                                                   "server_name",
                                                   "view_server_state",
                                                   "view_server_performance_state",
                                                   "utc_now",
                                                   "sysinfo",
                                                   "sqlserver_start_time_ms_ticks",
                                                   "sqlserver_start_time",
                                                   "cpu_count",
                                                   "process_kernel_time_ms",
                                                   "process_user_time_ms",
                                                   "memory",
                                                   "available_physical_memory_kb",
                                                   "counters",
                                                   "counter_name",
                                                   "cntr_value",
                                                   "waits",
                                                   "wait_time_ms",
                                                   "files",
                                                   "file_id",
                                                   "name",
                                                   "create_date",
                                                   "num_of_reads",
                                                   "num_of_writes",
                                                   "cpu_history",
                                                   "record"};
constexpr std::array<const char*, 6> texts{
    "SQLServer:General Statistics", "User Connections", "MSSQL$X:SQL Statistics",
    "Batch Requests/sec",           "LCK_M_X",          "<ProcessUtilization>7</ProcessUtilization>"};

Cell build_cell(FuzzedDataProvider& input) {
    switch (input.ConsumeIntegralInRange<int>(0, 5)) {
        case 0:
            return std::monostate{};
        case 1:
            return input.ConsumeIntegral<std::int64_t>();
        case 2:
            return input.ConsumeIntegralInRange<std::int64_t>(0, 100'000);
        case 3:
            return input.ConsumeFloatingPoint<double>();
        case 4:
            return std::string(input.PickValueInArray(texts));
        default:
            return input.ConsumeRandomLengthString(40);
    }
}

std::vector<ResultSet> build_sets(FuzzedDataProvider& input) {
    std::vector<ResultSet> sets;
    while (input.remaining_bytes() > 0 && input.ConsumeBool()) {
        ResultSet set;
        const auto first = input.ConsumeIntegralInRange<std::size_t>(0, column_names.size() - 1);
        const auto count = input.ConsumeIntegralInRange<std::size_t>(0, 7);
        for (std::size_t i = 0; i < count; ++i)
            set.columns.emplace_back(column_names.at((first + i) % column_names.size()));
        for (auto rows = input.ConsumeIntegralInRange<int>(0, 4); rows > 0; --rows) {
            auto& row = set.rows.emplace_back();
            // Rows shorter and longer than the list of columns must not matter.
            for (auto cells = input.ConsumeIntegralInRange<int>(0, 8); cells > 0; --cells)
                row.push_back(build_cell(input));
        }
        sets.push_back(std::move(set));
    }
    return sets;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using vitals::fuzz::require;
    FuzzedDataProvider input(data, size);
    const auto before = vitals::prober::read_mssql_sample(build_sets(input));
    const auto now = vitals::prober::read_mssql_sample(build_sets(input));
    const auto metrics = vitals::prober::select_mssql_metrics({});
    const auto result = vitals::prober::compute_mssql_values(&before, now, metrics, std::chrono::minutes{15});
    require(result.values.size() == metrics.size(), "one value for each metric");
    for (const auto& value : result.values) {
        if (!value.value) continue;
        require(std::isfinite(*value.value), "values are finite");
        const bool percent = value.metric.ends_with("_percent");
        require(!percent || (*value.value >= 0 && *value.value <= 100), "percentages are from 0 to 100");
        const bool rate = value.metric.starts_with("disk_io_") || value.metric == "batch_requests_sec" ||
                          value.metric == "wait_time_ms";
        require(!rate || *value.value >= 0, "rates are not negative");
    }
    vitals::prober::lacks_process_cpu(&before, now);
    return 0;
}
