// Result sets with any type and number in any column, twice in a row, read by groups of every kind: nothing that is not
// finite, no negative rate, one value for each single metric.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/metric_group.h"
#include "prober/connectors/mssql/mssql_server.h"
#include "prober/groups/group_sample.h"
#include "prober/groups/group_values.h"
#include "property.h"

namespace {

using vitals::prober::Cell;
using vitals::prober::GroupPlan;
using vitals::prober::ResultSet;

constexpr std::array<const char*, 12> column_names{
    "a",          "b",      "label",   "key",         "object_name", "counter_name", "instance_name",
    "cntr_value", "server", "sysinfo", "cpu_history", "record"};
constexpr std::array<const char*, 8> texts{
    "SQLServer:O", "C", "MSSQL$X:O", "_Total", "x", "", "ignored", "<ProcessUtilization>7</ProcessUtilization>"};

constexpr std::array<const char*, 3> definitions{
    R"({"name":"f","labels":["label"],"key":["key"],"row_limit":3,"categories":{"x":"ignored","C":"Lock"},
        "variants":[{"sql":"s"}],"metrics":[
        {"name":"rate","kind":"rate","source":"a"},{"name":"delta","kind":"delta","source":"a","over":"sum"},
        {"name":"average","kind":"average","source":"a","base":"b","over":"sum","skip_ignored":true},
        {"name":"ratio","kind":"ratio","source":"a","base":"b"},{"name":"max","source":"b","over":"max"},
        {"name":"count","source":"b","over":"count"},{"name":"rate_by","kind":"rate","source":"b","over":"category"}]})",
    R"({"name":"w","labels":["label"],"new_rows":"from_zero","categories":{"x":"ignored","C":"Lock"},
        "variants":[{"sql":"s"}],"metrics":[
        {"name":"delta","kind":"delta","source":"a","over":"sum","skip_ignored":true},
        {"name":"rate","kind":"rate","source":"b"},{"name":"rate_by","kind":"rate","source":"a","over":"category"}]})",
    R"({"name":"c","layout":"rows","variants":[{"sql":"s"}],"metrics":[
        {"name":"rate","kind":"rate","source":"O\\C"},{"name":"delta","kind":"delta","source":"O\\C","instance":"_Total"},
        {"name":"ratio","kind":"ratio","source":"O\\C","base":"O\\x","instance":"*","over":"min"},
        {"name":"average","kind":"average","source":"O\\C","base":"O\\x","instance":"*"}]})"};

Cell build_cell(FuzzedDataProvider& input) {
    switch (input.ConsumeIntegralInRange<int>(0, 5)) {
        case 0:
            return std::monostate{};
        case 1:
            return input.ConsumeIntegral<std::int64_t>();
        case 2:
            return input.ConsumeIntegralInRange<std::int64_t>(0, 1'000);
        case 3:
            return input.ConsumeFloatingPoint<double>();
        case 4:
            return std::string(input.PickValueInArray(texts));
        default:
            return input.ConsumeRandomLengthString(40);
    }
}

ResultSet build_set(FuzzedDataProvider& input) {
    ResultSet set;
    const auto first = input.ConsumeIntegralInRange<std::size_t>(0, column_names.size() - 1);
    for (auto i = input.ConsumeIntegralInRange<std::size_t>(0, 6); i > 0; --i)
        set.columns.emplace_back(column_names.at((first + i) % column_names.size()));
    for (auto rows = input.ConsumeIntegralInRange<int>(0, 5); rows > 0; --rows) {
        auto& row = set.rows.emplace_back();
        // Rows shorter and longer than the list of columns must not matter.
        for (auto cells = input.ConsumeIntegralInRange<int>(0, 7); cells > 0; --cells)
            row.push_back(build_cell(input));
    }
    set.left_out = input.ConsumeIntegralInRange<std::size_t>(0, 1);
    return set;
}

void check_values(const GroupPlan& plan, const std::vector<vitals::core::Value>& values) {
    using vitals::fuzz::require;
    std::size_t single = 0;
    for (const auto& value : values) {
        if (!value.value) continue;
        require(std::isfinite(*value.value), "values are finite");
        const bool difference =
            value.metric.starts_with("rate") || value.metric == "delta" || value.metric == "average";
        require(!difference || *value.value >= 0, "differences are not negative");
        require(value.metric != "ratio" || *value.value >= 0, "ratios are not negative");
    }
    for (const auto& planned : plan.metrics()) {
        const auto matches = [&](const auto& value) { return value.metric == planned.metric->name; };
        if (!planned.single) continue;
        ++single;
        require(std::count_if(values.begin(), values.end(), matches) == 1, "one value for each single metric");
    }
    require(single <= values.size(), "no value is lost");
}

void run_group(const char* definition, FuzzedDataProvider& input) {
    static std::map<const char*, std::unique_ptr<vitals::core::MetricGroup>> groups;
    auto& group = groups[definition];
    if (!group) group = std::make_unique<vitals::core::MetricGroup>(vitals::core::parse_metric_group(definition));
    vitals::core::WantedGroup wanted{group.get(), {}};
    for (const auto& metric : group->metrics)
        wanted.metrics.push_back(&metric);
    const GroupPlan plan(wanted);
    const ResultSet first = build_set(input);
    const ResultSet second = build_set(input);
    const auto before = vitals::prober::keep_sample(plan, vitals::prober::read_group(plan, first), {{1, 1}, 1});
    const auto now = vitals::prober::read_group(plan, second);
    std::vector<vitals::core::Value> values;
    vitals::prober::append_group_values(plan, &before, now, std::chrono::minutes{1}, values);
    check_values(plan, values);
    values.clear();
    vitals::prober::append_group_values(plan, nullptr, now, std::nullopt, values);
    check_values(plan, values);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using vitals::fuzz::require;
    FuzzedDataProvider input(data, size);
    run_group(input.PickValueInArray(definitions), input);
    const ResultSet set = build_set(input);
    vitals::prober::read_mssql_server(set);
    const auto before = vitals::prober::read_mssql_process(set);
    const auto now = vitals::prober::read_mssql_process(build_set(input));
    const auto recorded = vitals::prober::read_recorded_cpu(set, now.clock);
    const auto cpu = vitals::prober::mssql_cpu_percent(&before, now, recorded, std::chrono::minutes{15});
    require(!cpu || (*cpu >= 0 && *cpu <= 100), "percentages are from 0 to 100");
    vitals::prober::lacks_process_cpu(&before, now);
    return 0;
}
