#include "prober/connectors/mssql/mssql_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace vitals::prober {

namespace {

// A record of the ring buffer is written every minute; an older one says nothing about now.
constexpr std::int64_t max_record_age_ms = 180'000;
constexpr double whole = 100.0;

std::string text_or_empty(const Row& row, std::optional<std::size_t> column) {
    return std::string(text_at(row, column).value_or(""));
}

// The records are small documents of a fixed form, written by the server itself: the content of one element without
// attributes is all that is needed.
std::optional<double> element(std::string_view record, std::string_view name) {
    const std::string open = fmt::format("<{}>", name);
    const std::size_t at = record.find(open);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view text = record.substr(at + open.size());
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end == text.data() + text.size() || *end != '<') return std::nullopt;
    if (!std::isfinite(value)) return std::nullopt;
    return value;
}

std::optional<double> cpu_used_ms(const MssqlProcess& before, const MssqlProcess& now) {
    const auto kernel = core::counter_delta(before.kernel_ms, now.kernel_ms);
    const auto user = core::counter_delta(before.user_ms, now.user_ms);
    if (!kernel || !user) return std::nullopt;
    return static_cast<double>(*kernel) + static_cast<double>(*user);
}

}  // namespace

int MssqlServer::major_version() const {
    int major = 0;
    const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), major);
    return error == std::errc() && major > 0 ? major : 0;
}

bool MssqlServer::permits(std::string_view permission) const noexcept {
    if (permission == server_state)
        return may_view_server_state || (engine_edition == azure_sql_database && may_view_database_state);
    if (permission == "VIEW DATABASE STATE") return may_view_database_state || may_view_server_state;
    if (permission == "VIEW ANY DEFINITION") return may_view_definitions || engine_edition == azure_sql_database;
    return true;
}

std::optional<MssqlServer> read_mssql_server(const ResultSet& set) {
    if (set.rows.empty()) return std::nullopt;
    const Row& row = set.rows.front();
    const auto granted = [&](std::string_view column) { return integer_at(row, set.column(column)) == 1; };
    MssqlServer server;
    server.version = text_or_empty(row, set.column("server"));
    server.edition = text_or_empty(row, set.column("edition"));
    server.engine_edition = integer_at(row, set.column("engine_edition"));
    server.name = text_or_empty(row, set.column("server_name"));
    server.may_view_server_state = granted("view_server_state") || granted("view_server_performance_state");
    server.may_view_database_state = granted("view_database_state") || granted("view_database_performance_state");
    server.may_view_definitions = granted("view_any_definition") || granted("view_any_performance_definition");
    server.utc_us = integer_at(row, set.column("utc_now"));
    return server;
}

MssqlProcess read_mssql_process(const ResultSet& set) {
    MssqlProcess process;
    if (set.rows.empty()) return process;
    const Row& row = set.rows.front();
    const auto ticks = integer_at(row, set.column("sysinfo"));
    const auto start_ticks = integer_at(row, set.column("sqlserver_start_time_ms_ticks"));
    const auto start_time = integer_at(row, set.column("sqlserver_start_time"));
    if (ticks && start_ticks && start_time) process.clock = core::SampleClock{{*start_ticks, *start_time}, *ticks};
    process.cpu_count = integer_at(row, set.column("cpu_count"));
    process.kernel_ms = integer_at(row, set.column("process_kernel_time_ms"));
    process.user_ms = integer_at(row, set.column("process_user_time_ms"));
    return process;
}

// On machines with several memory nodes the server reports more than 100 %.
std::optional<double> read_recorded_cpu(const ResultSet& set, const std::optional<core::SampleClock>& clock) {
    std::optional<double> recorded;
    std::optional<std::int64_t> newest;
    const auto written_at = set.column("cpu_history");
    const auto record_at = set.column("record");
    for (const Row& row : set.rows) {
        const auto written = integer_at(row, written_at);
        const auto record = text_at(row, record_at);
        if (!written || !record || !clock || (newest && *written <= *newest)) continue;
        const auto age = core::counter_delta(*written, clock->ticks_ms);
        const auto percent = element(*record, "ProcessUtilization");
        if (!age || *age > max_record_age_ms || !percent) continue;
        newest = written;
        recorded = std::clamp(*percent, 0.0, whole);
    }
    return recorded;
}

std::optional<double> mssql_cpu_percent(const MssqlProcess* before, const MssqlProcess& now,
                                        std::optional<double> recorded, std::chrono::milliseconds gap) {
    if (before == nullptr || !before->clock || !now.clock || now.cpu_count.value_or(0) <= 0) return recorded;
    const auto interval = core::sample_interval(*before->clock, *now.clock, gap);
    if (!interval) return recorded;
    const auto used = cpu_used_ms(*before, now);
    if (used.value_or(0) == 0 && recorded) return recorded;
    if (!used || now.user_ms == 0) return std::nullopt;
    const double available = static_cast<double>(interval->count()) * static_cast<double>(*now.cpu_count);
    return std::clamp(whole * *used / available, 0.0, whole);
}

bool lacks_process_cpu(const MssqlProcess* before, const MssqlProcess& now) {
    if (!now.kernel_ms || !now.user_ms) return now.clock.has_value();
    if (*now.kernel_ms == 0 && *now.user_ms == 0) return true;
    return before != nullptr && cpu_used_ms(*before, now) == 0.0;
}

}  // namespace vitals::prober
