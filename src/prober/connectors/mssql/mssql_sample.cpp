#include "prober/connectors/mssql/mssql_sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

#include "prober/connectors/mssql/mssql_batch.h"
#include "prober/connectors/mssql/mssql_benign_waits.h"

namespace vitals::prober {

namespace {

// A record of the ring buffer is written every minute; an older one says nothing about now.
constexpr std::int64_t max_record_age_ms = 180'000;
constexpr double whole = 100.0;

std::string text_or_empty(const Row& row, std::optional<std::size_t> column) {
    return std::string(text_at(row, column).value_or(""));
}

void read_server(const ResultSet& set, MssqlSample& sample) {
    if (set.rows.empty()) return;
    const Row& row = set.rows.front();
    const auto granted = [&](std::string_view column) { return integer_at(row, set.column(column)) == 1; };
    MssqlServer server;
    server.version = text_or_empty(row, set.column("server"));
    server.edition = text_or_empty(row, set.column("edition"));
    server.engine_edition = integer_at(row, set.column("engine_edition"));
    server.name = text_or_empty(row, set.column("server_name"));
    server.may_view_state = granted("view_server_state") || granted("view_server_performance_state");
    server.utc_us = integer_at(row, set.column("utc_now"));
    sample.server = std::move(server);
}

void read_sysinfo(const ResultSet& set, MssqlSample& sample) {
    if (set.rows.empty()) return;
    const Row& row = set.rows.front();
    const auto ticks = integer_at(row, set.column("sysinfo"));
    const auto start_ticks = integer_at(row, set.column("sqlserver_start_time_ms_ticks"));
    const auto start_time = integer_at(row, set.column("sqlserver_start_time"));
    if (ticks && start_ticks && start_time) sample.clock = core::SampleClock{{*start_ticks, *start_time}, *ticks};
    sample.cpu_count = integer_at(row, set.column("cpu_count"));
    sample.process_kernel_ms = integer_at(row, set.column("process_kernel_time_ms"));
    sample.process_user_ms = integer_at(row, set.column("process_user_time_ms"));
}

void read_memory(const ResultSet& set, MssqlSample& sample) {
    if (set.rows.empty()) return;
    sample.memory_total = number_at(set.rows.front(), set.column("memory"));
    sample.memory_available = number_at(set.rows.front(), set.column("available_physical_memory_kb"));
}

// Objects are "SQLServer:Buffer Manager", or "MSSQL$NAME:Buffer Manager" in a named instance.
bool is_counter(std::string_view object, std::string_view counter, std::string_view wanted_object,
                std::string_view wanted_counter) {
    return equal_ignoring_case(object.substr(object.find(':') + 1), wanted_object) &&
           equal_ignoring_case(counter, wanted_counter);
}

void read_counters(const ResultSet& set, MssqlSample& sample) {
    const auto object_at = set.column("counters");
    const auto counter_at = set.column("counter_name");
    const auto value_at = set.column("cntr_value");
    for (const Row& row : set.rows) {
        const auto object = text_at(row, object_at);
        const auto counter = text_at(row, counter_at);
        const auto value = integer_at(row, value_at);
        if (!object || !counter || !value) continue;
        if (is_counter(*object, *counter, "General Statistics", "User Connections")) sample.user_connections = value;
        if (is_counter(*object, *counter, "General Statistics", "Processes blocked")) sample.processes_blocked = value;
        if (is_counter(*object, *counter, "SQL Statistics", "Batch Requests/sec")) sample.batch_requests = value;
        if (is_counter(*object, *counter, "Buffer Manager", "Page life expectancy"))
            sample.page_life_expectancy_s = value;
    }
}

void read_waits(const ResultSet& set, MssqlSample& sample) {
    const auto type_at = set.column("waits");
    const auto time_at = set.column("wait_time_ms");
    std::vector<core::KeyedCounter> waits;
    for (const Row& row : set.rows) {
        const auto type = text_at(row, type_at);
        const auto time = integer_at(row, time_at);
        if (type && time && !is_benign_wait(*type)) waits.push_back({std::string(*type), *time});
    }
    sample.waits = core::make_counter_set(std::move(waits));
}

void read_files(const ResultSet& set, MssqlSample& sample) {
    const auto database_at = set.column("files");
    const auto file_at = set.column("file_id");
    const auto name_at = set.column("name");
    const auto created_at = set.column("create_date");
    std::vector<core::KeyedCounter> reads;
    std::vector<core::KeyedCounter> writes;
    for (const Row& row : set.rows) {
        const auto database = integer_at(row, database_at);
        const auto file = integer_at(row, file_at);
        if (!database || !file) continue;
        const std::string key = fmt::format("{}:{}:{}:{}", *database, *file, integer_at(row, created_at).value_or(0),
                                            text_at(row, name_at).value_or(""));
        if (const auto count = integer_at(row, set.column("num_of_reads"))) reads.push_back({key, *count});
        if (const auto count = integer_at(row, set.column("num_of_writes"))) writes.push_back({key, *count});
    }
    sample.file_reads = core::make_counter_set(std::move(reads));
    sample.file_writes = core::make_counter_set(std::move(writes));
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

// Newest record that has what we look for; on machines with several memory nodes the server reports more than 100 %.
void read_cpu_history(const ResultSet& set, MssqlSample& sample) {
    std::optional<std::int64_t> newest;
    for (const Row& row : set.rows) {
        const auto written = integer_at(row, set.column("cpu_history"));
        const auto record = text_at(row, set.column("record"));
        if (!written || !record || !sample.clock || (newest && *written <= *newest)) continue;
        const auto age = core::counter_delta(*written, sample.clock->ticks_ms);
        const auto percent = element(*record, "ProcessUtilization");
        if (!age || *age > max_record_age_ms || !percent) continue;
        newest = written;
        sample.recorded_cpu_percent = std::clamp(*percent, 0.0, whole);
    }
}

using Reader = void (*)(const ResultSet&, MssqlSample&);

// In the order of the batch: cpu_history needs the clock of sysinfo.
constexpr std::array<std::pair<MssqlGroup, Reader>, 7> readers{{
    {MssqlGroup::server, read_server},
    {MssqlGroup::sysinfo, read_sysinfo},
    {MssqlGroup::memory, read_memory},
    {MssqlGroup::counters, read_counters},
    {MssqlGroup::waits, read_waits},
    {MssqlGroup::files, read_files},
    {MssqlGroup::cpu_history, read_cpu_history},
}};

}  // namespace

int MssqlServer::major_version() const {
    int major = 0;
    std::from_chars(version.data(), version.data() + version.size(), major);
    return major;
}

const ResultSet* find_group(const std::vector<ResultSet>& sets, MssqlGroup group) {
    const auto found = std::find_if(sets.begin(), sets.end(), [&](const ResultSet& set) {
        return !set.columns.empty() && equal_ignoring_case(set.columns.front(), group_name(group));
    });
    return found != sets.end() ? &*found : nullptr;
}

MssqlSample read_mssql_sample(const std::vector<ResultSet>& sets) {
    MssqlSample sample;
    for (const auto& [group, read] : readers) {
        if (const ResultSet* set = find_group(sets, group)) read(*set, sample);
    }
    return sample;
}

}  // namespace vitals::prober
