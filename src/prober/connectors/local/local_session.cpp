#include "prober/connectors/local/local_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "prober/connectors/local/local_values.h"
#include "prober/connectors/local/proc_text.h"

namespace vitals::prober {

namespace {

std::optional<core::Failure> wrong_options(const core::Job& job) {
    if (job.options.empty()) return std::nullopt;
    return core::Failure{core::ErrorClass::configuration, 0,
                         fmt::format("unknown option \"{}\" for connector local", job.options.begin()->first)};
}

core::Result failed(core::Failure failure) {
    core::Result result;
    result.outcome = core::Outcome::failed;
    result.failure = std::move(failure);
    return result;
}

// Outcome and failure, when `asked` groups were asked for.
void conclude(core::Result& result, const LocalSample& sample, std::size_t asked) {
    if (sample.failures.empty()) {
        result.outcome = core::Outcome::ok;
        return;
    }
    result.outcome = sample.failures.size() < asked ? core::Outcome::partial : core::Outcome::failed;
    result.failure = sample.failures.front().second;
}

void add_fact(std::map<std::string, std::string>& facts, const char* name, const std::string& path) {
    const ProcFile file = read_proc_file(path);
    const std::string_view line = std::string_view(file.text).substr(0, file.text.find('\n'));
    if (is_plain_name(line)) facts.emplace(name, line);
}

std::map<std::string, std::string> local_facts(const LocalSources& sources, const LocalSample& sample) {
    std::map<std::string, std::string> facts;
    add_fact(facts, "version", sources.proc + "/sys/kernel/osrelease");
    add_fact(facts, "server_name", sources.proc + "/sys/kernel/hostname");
    if (sample.cpu_count > 0) facts["cpu_count"] = std::to_string(sample.cpu_count);
    return facts;
}

const char* title_of(LocalGroup group) {
    switch (group) {
        case LocalGroup::cpu:
            return "cpu";
        case LocalGroup::memory:
            return "memory";
        case LocalGroup::load:
            return "load";
        case LocalGroup::uptime:
            return "uptime";
        case LocalGroup::file_systems:
            return "file systems";
        case LocalGroup::disks:
            return "disks";
        case LocalGroup::network:
            break;
    }
    return "network";
}

std::string found(LocalGroup group, const LocalSample& sample) {
    constexpr double mebibyte = 1024.0 * 1024.0;
    constexpr double seconds_per_hour = 3600;
    switch (group) {
        case LocalGroup::cpu:
            return fmt::format("{} CPUs", sample.cpu_count);
        case LocalGroup::memory:
            return fmt::format("{:.0f} MiB", sample.memory->total.value_or(0) / mebibyte);
        case LocalGroup::load:
            return fmt::format("{:.2f} over one minute", (*sample.load)[0]);
        case LocalGroup::uptime:
            return fmt::format("up for {:.1f} hours", *sample.uptime_s / seconds_per_hour);
        case LocalGroup::file_systems:
            return fmt::format("{} file systems", sample.mounts->size());
        case LocalGroup::disks:
            return fmt::format("{} devices in use", sample.disks->size());
        case LocalGroup::network:
            break;
    }
    return fmt::format("{} interfaces in use", sample.networks->size());
}

core::Check check_of(LocalGroup group, const LocalSample& sample, const LocalSources& sources) {
    const auto failure = std::find_if(sample.failures.begin(), sample.failures.end(),
                                      [&](const auto& entry) { return entry.first == group; });
    if (failure == sample.failures.end()) return {title_of(group), true, found(group, sample), ""};
    return {title_of(group), false, failure->second.message,
            fmt::format("make {}/{} readable where PostgreSQL runs (in a container: mount the host's)", sources.proc,
                        file_of(group))};
}

}  // namespace

LocalSession::LocalSession(LocalSources sources) : sources_(std::move(sources)) {}

core::Result LocalSession::poll(const core::Job& job, const Deadline& deadline) {
    if (auto failure = wrong_options(job)) return failed(std::move(*failure));
    const auto groups = local_groups_for(job.metrics);
    LocalSample now = read_local_sample(sources_, groups, deadline);
    LocalValues values =
        compute_local_values(before_ ? &*before_ : nullptr, now, job.metrics, core::max_gap(job.interval));

    core::Result result;
    conclude(result, now, groups.size());
    if (result.outcome != core::Outcome::failed) {
        result.values = std::move(values.values);
        result.interval_ms = values.interval_ms;
        result.facts = local_facts(sources_, now);
    }
    before_ = std::move(now);
    return result;
}

core::Result LocalSession::check(const core::Job& job, const Deadline& deadline) {
    core::Result result;
    if (auto failure = wrong_options(job)) {
        result = failed(*failure);
        result.checks.push_back({"configuration", false, failure->message, "remove the option"});
        return result;
    }
    const auto groups = local_groups_for(job.metrics);
    const LocalSample sample = read_local_sample(sources_, groups, deadline);
    for (const LocalGroup group : groups)
        result.checks.push_back(check_of(group, sample, sources_));
    // Without a clock there are gauges only, whatever else can be read.
    const bool has_clock = sample.clock.has_value();
    result.checks.push_back(
        {"clock", has_clock, has_clock ? "start of the host known" : "start of the host unknown",
         has_clock ? "" : fmt::format("make {}/stat readable; until then rates have no value", sources_.proc)});
    conclude(result, sample, groups.size());
    if (result.outcome == core::Outcome::ok && !has_clock) {
        result.outcome = core::Outcome::partial;
        result.failure = core::Failure{core::ErrorClass::server_error, 0, "the start of the host is unknown"};
    }
    result.facts = local_facts(sources_, sample);
    return result;
}

}  // namespace vitals::prober
