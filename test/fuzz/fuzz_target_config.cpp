// The JSON columns that a tenant writes: whatever stands there, a job made of it is either one that the prober accepts,
// or one that breaks a limit of the protocol.
#include <algorithm>
#include <string>

#include "core/target_config.h"
#include "core/wire.h"
#include "property.h"

namespace {

using vitals::core::Job;

bool keeps_limits(const Job& job) {
    const auto short_text = [](const std::string& text, std::size_t limit) {
        return text.size() <= limit && text.find('\0') == std::string::npos;
    };
    return job.options.size() <= vitals::core::max_options && job.metrics.size() <= vitals::core::max_wanted &&
           std::all_of(job.options.begin(), job.options.end(),
                       [&](const auto& option) {
                           return short_text(option.first, vitals::core::max_metric_name) &&
                                  short_text(option.second, vitals::core::max_text);
                       }) &&
           std::all_of(job.metrics.begin(), job.metrics.end(),
                       [&](const auto& name) { return short_text(name, vitals::core::max_metric_name); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using vitals::fuzz::require;
    const auto json = vitals::fuzz::text_of(data, size);
    Job job;
    job.connector = "mssql";
    job.options = vitals::core::options_from_json(json);
    job.metrics = vitals::core::metrics_from_json(json);
    const std::string line = vitals::core::encode(job);
    if (!keeps_limits(job) || line.size() > vitals::core::max_job_line) return 0;
    const auto command = vitals::core::parse_command(line);
    const auto* parsed = std::get_if<Job>(&command);
    require(parsed != nullptr, "a job stays a job");
    require(parsed->options == job.options, "options arrive as they were written");
    require(parsed->metrics == job.metrics, "metrics arrive as they were written");
    return 0;
}
