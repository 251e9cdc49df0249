// What a server's kind and history make of the recorded rows.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "tds_server/engine_state.h"
#include "tds_server/sql_types.h"

namespace tds_server {

namespace {

constexpr std::string_view counters = "sys.dm_os_performance_counters";
constexpr std::string_view waits = "sys.dm_os_wait_stats";
constexpr std::string_view files = "sys.dm_io_virtual_file_stats";
constexpr std::string_view file_names = "fixture.master_files";
constexpr std::string_view ring_buffer = "sys.dm_os_ring_buffers";
constexpr std::string_view sys_info = "sys.dm_os_sys_info";

std::vector<Row> counted_from(const EngineState& state, const RecordedTable& table, double work) {
    TableMoment moment = state.moment;
    moment.restarted = true;
    moment.restarted_work = work;
    return rows_at(state.data(), table, moment);
}

void clear_waits(const EngineState& state, const RecordedTable& table, std::vector<Row>& rows) {
    if (!state.waits_cleared) return;
    rows = counted_from(state, table, *state.waits_cleared);
    const std::size_t longest = table.column("max_wait_time_ms").value();
    for (Row& row : rows)
        row[longest] = Cell{std::int64_t{0}};
}

void reset_files(const EngineState& state, const RecordedTable& table, std::vector<Row>& rows) {
    const std::size_t database = table.column("database_id").value();
    for (const auto& [id, work] : state.files_reset) {
        const std::vector<Row> again = counted_from(state, table, work);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const Cell sample = rows[i][2];
            if (rows[i][database] == Cell{id}) rows[i] = again[i];
            rows[i][2] = sample;
        }
    }
}

// Both tables begin with the number of the database and that of the file.
void leave_out_file(const EngineState& state, std::vector<Row>& rows) {
    const RecordedTable& names = *state.data().table(file_names);
    const std::size_t name = names.column("name").value();
    for (const Row& file : rows_at(state.data(), names, state.moment)) {
        if (to_text(file[name]) != state.missing_file) continue;
        std::erase_if(rows, [&](const Row& row) { return row[0] == file[0] && row[1] == file[1]; });
    }
}

// "SQLServer:Locks" is "MSSQL$PAYROLL:Locks" on a named instance.
void name_instance(const std::string& instance, std::vector<Row>& rows) {
    constexpr std::string_view usual = "SQLServer:";
    constexpr std::size_t width = 128;
    for (Row& row : rows) {
        auto& object = std::get<std::string>(row[0]);
        if (!object.starts_with(usual)) continue;
        object = fmt::format("MSSQL${}:{}", instance, object.substr(usual.size()));
        object.resize(object.find_last_not_of(' ') + 1);
        object.resize(std::max(width, object.size()), ' ');
    }
}

void change_element(std::string& record, std::string_view element, const auto& change) {
    const std::string open = fmt::format("<{}>", element);
    const std::size_t at = record.find(open);
    if (at == std::string::npos) return;
    const std::size_t start = at + open.size();
    const std::size_t end = record.find('<', start);
    int value = 0;
    std::from_chars(record.data() + start, record.data() + end, value);
    record.replace(start, end - start, std::to_string(change(value)));
}

void change_ring_buffer(const ServerProfile& profile, const RecordedTable& table, std::vector<Row>& rows) {
    const std::size_t record = table.column("record").value();
    for (Row& row : rows) {
        auto* text = std::get_if<std::string>(&row[record]);
        if (text == nullptr) continue;
        if (profile.linux_host) change_element(*text, "SystemIdle", [](int) { return 0; });
        // Counted once for each of two memory nodes.
        if (profile.ring_buffer_over_100)
            change_element(*text, "ProcessUtilization", [](int used) { return 2 * used; });
    }
}

void drop_process_times(const RecordedTable& table, std::vector<Row>& rows) {
    for (const std::string_view name : {"process_kernel_time_ms", "process_user_time_ms"})
        rows.front()[table.column(name).value()] = Cell{std::int64_t{0}};
}

// Names that end quotes, lines and fields where they are not expected, each in the place of one of the fixture.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> hostile_names{{
    {"SalesDB", "Sales'); DROP TABLE x--"},
    {"Warehouse", "Ware]house\n\t\"\\{}=,; 50%"},
    {"Archive.2019", "\xF0\x9F\x98\x80 \xC4\xB0stanbul \xE2\x80\xAE x"},
    {"Full backup", "O'Brien's \"job\"\r\n$(cmd)"},
    {"ETL hourly", "<script>&amp;</script>"},
    {"mastlog", "a/b/c"},
    {"D:\\Data\\", "D:\\Da,ta \\ \"x\"\\"},
    {"max worker threads", "max worker \x01 threads"},
}};

void rename(std::vector<Row>& rows) {
    for (Row& row : rows) {
        for (Cell& cell : row) {
            auto* text = std::get_if<std::string>(&cell);
            if (text == nullptr) continue;
            const std::string_view trimmed = std::string_view(*text).substr(0, text->find_last_not_of(' ') + 1);
            const auto* found = std::find_if(hostile_names.begin(), hostile_names.end(),
                                             [&](const auto& names) { return names.first == trimmed; });
            if (found == hostile_names.end()) continue;
            const std::size_t width = text->size();
            const bool padded = trimmed.size() != width;
            *text = std::string(found->second);
            if (padded) text->resize(std::max(width, text->size()), ' ');
        }
    }
}

// Whether rows are told apart, or names changed, by columns that nobody may have asked for.
bool changes_by_key(const EngineState& state, const RecordedTable& table) {
    if (table.name == counters) return !state.options.profile.instance.empty();
    if (table.name != files && table.name != file_names) return false;
    return !state.files_reset.empty() || !state.missing_file.empty();
}

}  // namespace

std::vector<Row> content_of(const EngineState& state, const RecordedTable& table, const ColumnSet& wanted) {
    const ServerProfile& profile = state.options.profile;
    if (!profile.counters && table.name == counters) return {};
    const bool of_groups =
        table.name == "fixture.replica_states" || table.name == "sys.dm_hadr_database_replica_states";
    if (!profile.hadr && of_groups) return {};
    std::vector<Row> rows =
        rows_at(state.data(), table, state.moment, changes_by_key(state, table) ? ColumnSet{} : wanted);
    if (table.name == waits) clear_waits(state, table, rows);
    if (table.name == files && !state.files_reset.empty()) reset_files(state, table, rows);
    if (!state.missing_file.empty() && (table.name == files || table.name == file_names)) leave_out_file(state, rows);
    if (table.name == counters && !profile.instance.empty()) name_instance(profile.instance, rows);
    if (table.name == ring_buffer) change_ring_buffer(profile, table, rows);
    if (table.name == sys_info && !profile.process_times) drop_process_times(table, rows);
    if (profile.hostile_names) rename(rows);
    return rows;
}

}  // namespace tds_server
