// Definitions of metric groups as tenants write them: what parses encodes and parses again to the same, and can be
// planned.
#include <string>

#include "core/metric_group.h"
#include "core/wire.h"
#include "prober/connectors/mssql/mssql_plan.h"
#include "property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using vitals::core::MetricGroups;
    using vitals::fuzz::require;
    MetricGroups groups;
    try {
        auto group = vitals::core::parse_metric_group(vitals::fuzz::text_of(data, size));
        std::string name = group.name;
        groups.emplace(std::move(name), std::move(group));
    } catch (const vitals::core::WireError&) {
        return 0;
    }
    const auto& group = groups.begin()->second;
    const std::string json = vitals::core::encode_metric_group(group);
    if (json.size() <= vitals::core::max_group_line) {
        require(vitals::core::parse_metric_group(json) == group, "a definition is the same after a round trip");
        require(
            vitals::core::encode(vitals::core::Define{"mssql", 1, true, group}).size() <= vitals::core::max_job_line,
            "a definition fits a line");
    }
    const vitals::prober::MssqlPlan plan(std::make_shared<const MetricGroups>(groups), {16, 3, false, {}});
    require(plan.groups().size() == 1, "everything is wanted");
    require(plan.groups()[0].plan.metrics().size() == group.metrics.size(), "each metric is planned");
    for (std::uint64_t cycle = 0; cycle < 3; ++cycle)
        vitals::core::runs_in_cycle(group, cycle);
    return 0;
}
