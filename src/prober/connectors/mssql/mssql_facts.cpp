#include "prober/connectors/mssql/mssql_facts.h"

#include <chrono>

#include "prober/connectors/mssql/mssql_errors.h"

namespace vitals::prober {

namespace {

constexpr std::int64_t us_per_ms = 1000;

void add(std::map<std::string, std::string>& facts, const char* name, const std::string& value) {
    if (!value.empty()) facts.emplace(name, clean_server_text(value));
}

}  // namespace

std::optional<std::int64_t> mssql_clock_skew_ms(const MssqlSample& sample, const MssqlReading& reading) {
    if (!sample.server || !sample.server->utc_us) return std::nullopt;
    const auto middle = reading.asked + (reading.answered - reading.asked) / 2;
    const auto ours = std::chrono::duration_cast<std::chrono::microseconds>(middle.time_since_epoch()).count();
    // Both are calendar dates of four-digit years, so the difference fits.
    return (*sample.server->utc_us - ours) / us_per_ms;
}

std::map<std::string, std::string> mssql_facts(const MssqlSample& sample, const MssqlReading& reading,
                                               const std::string& encrypted) {
    std::map<std::string, std::string> facts;
    add(facts, "encrypted", encrypted);
    if (!sample.server) return facts;
    add(facts, "version", sample.server->version);
    add(facts, "edition", sample.server->edition);
    add(facts, "server_name", sample.server->name);
    if (sample.server->engine_edition) facts["engine_edition"] = std::to_string(*sample.server->engine_edition);
    if (const auto skew = mssql_clock_skew_ms(sample, reading)) facts["clock_skew_ms"] = std::to_string(*skew);
    return facts;
}

}  // namespace vitals::prober
