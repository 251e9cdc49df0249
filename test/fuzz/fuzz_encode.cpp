// Results as a connector may build them from what a server said: whatever is in them, the line parses on the other
// side. If it did not, the collector would take the prober for a traitor.
#include <fuzzer/FuzzedDataProvider.h>

#include <string>

#include "core/poll_record.h"
#include "core/series_list.h"
#include "core/wire.h"
#include "property.h"

namespace {

constexpr std::size_t max_fuzzed_text = 2048;

vitals::core::Result build_result(FuzzedDataProvider& input) {
    const auto text = [&] { return input.ConsumeRandomLengthString(max_fuzzed_text); };
    vitals::core::Result result;
    result.job = input.ConsumeIntegral<std::uint64_t>();
    result.outcome = input.PickValueInArray(
        {vitals::core::Outcome::ok, vitals::core::Outcome::partial, vitals::core::Outcome::failed});
    result.duration_ms = input.ConsumeFloatingPoint<double>();
    if (input.ConsumeBool()) result.interval_ms = input.ConsumeFloatingPoint<double>();
    if (input.ConsumeBool())
        result.failure =
            vitals::core::Failure{vitals::core::ErrorClass::server_error, input.ConsumeIntegral<int>(), text()};
    // One text may stand for many rows, so that small inputs reach the limits of the line.
    const auto copies = input.ConsumeIntegralInRange<std::size_t>(1, 200);
    while (input.remaining_bytes() > 0) {
        switch (input.ConsumeIntegralInRange<int>(0, 3)) {
            case 0:
                result.values.push_back({text(), text(), input.ConsumeFloatingPoint<double>()});
                break;
            case 1:
                result.checks.push_back({text(), input.ConsumeBool(), text(), text()});
                break;
            case 2:
                result.facts[text()] = text();
                break;
            default: {
                const std::string metric = text();
                for (std::size_t i = 0; i < copies && result.values.size() < 1000; ++i)
                    result.values.push_back({metric, std::to_string(i) + metric, 1.0});
            }
        }
    }
    if (!result.values.empty() && copies % 2 == 0) {
        result.series = {result.job, result.values.size()};
        result.without_names = copies % 4 == 0;
        if (result.without_names) result.numbers = vitals::core::numbers_of(result.values);
    }
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    const vitals::core::Result result = build_result(input);
    const std::string line = vitals::core::encode(result);
    vitals::fuzz::require(line.find('\n') == std::string::npos, "a line has no newline");
    try {
        vitals::core::parse_report(line);
    } catch (const vitals::core::WireError& error) {
        vitals::fuzz::require(false, error.what());
    }
    return 0;
}
