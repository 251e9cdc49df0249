#include "prober/connectors/mssql/mssql_facts.h"

#include <chrono>

#include "prober/connectors/mssql/mssql_errors.h"

namespace vitals::prober {

namespace {

void add(std::map<std::string, std::string>& facts, const char* name, const std::string& value) {
    if (!value.empty()) facts.emplace(name, clean_server_text(value));
}

// The server keeps a short answer until the whole batch has run; then nobody knows when its clock was read.
constexpr std::chrono::seconds longest_look{1};

}  // namespace

std::optional<std::int64_t> mssql_clock_skew_ms(const MssqlServer& server, const AskedAt& moment) {
    if (!server.utc_us || moment.answered == std::chrono::system_clock::time_point()) return std::nullopt;
    if (moment.answered - moment.asked > longest_look) return std::nullopt;
    const auto middle = moment.asked + (moment.answered - moment.asked) / 2;
    const auto ours = std::chrono::duration_cast<std::chrono::microseconds>(middle.time_since_epoch()).count();
    // Both are calendar dates of four-digit years, so the difference fits.
    return (*server.utc_us - ours) / us_per_ms;
}

std::map<std::string, std::string> mssql_facts(const MssqlServer& server, const AskedAt& moment,
                                               const std::string& encrypted) {
    std::map<std::string, std::string> facts;
    add(facts, "encrypted", encrypted);
    add(facts, "version", server.version);
    add(facts, "edition", server.edition);
    add(facts, "server_name", server.name);
    if (server.engine_edition) facts["engine_edition"] = std::to_string(*server.engine_edition);
    if (const auto skew = mssql_clock_skew_ms(server, moment)) facts["clock_skew_ms"] = std::to_string(*skew);
    return facts;
}

}  // namespace vitals::prober
