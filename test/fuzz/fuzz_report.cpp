// Results as the collector reads them from a prober it does not trust: what parses keeps the limits, and encodes and
// parses again to the same.
#include <cmath>
#include <string>
#include <variant>

#include "core/wire.h"
#include "property.h"

namespace {

using vitals::core::ProberReport;
using vitals::fuzz::require;

std::string encode_report(const ProberReport& report) {
    return std::visit([](const auto& one) { return vitals::core::encode(one); }, report);
}

void check_limits(const vitals::core::Result& result) {
    require(result.values.size() <= vitals::core::max_values, "few values");
    require(result.numbers.size() <= vitals::core::max_values, "few numbers");
    require(!result.without_names || (result.series && result.values.empty() && !result.numbers.empty()),
            "numbers have a list of names");
    for (const double number : result.numbers)
        require(std::isnan(number) || std::isfinite(number), "numbers are finite or not known");
    require(result.checks.size() <= vitals::core::max_checks, "few checks");
    require(result.failure.has_value() == (result.outcome != vitals::core::Outcome::ok), "a failure has a reason");
    for (const auto& value : result.values) {
        require(!value.metric.empty() && value.metric.size() <= vitals::core::max_metric_name, "a metric has a name");
        require(value.instance.size() <= vitals::core::max_instance_name, "instances are short");
        require(!value.value || std::isfinite(*value.value), "values are finite");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string line;
    try {
        const ProberReport report = vitals::core::parse_report(vitals::fuzz::text_of(data, size));
        if (const auto* result = std::get_if<vitals::core::Result>(&report)) check_limits(*result);
        line = encode_report(report);
    } catch (const vitals::core::WireError&) {
        return 0;
    }
    require(line == encode_report(vitals::core::parse_report(line)), "a report is the same after a round trip");
    return 0;
}
