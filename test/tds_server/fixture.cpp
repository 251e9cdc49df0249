#include "tds_server/fixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "tds_server/sql_types.h"
#include "tds_server/timestamps.h"
#include "tds_server/tsql_lexer.h"

namespace tds_server {

namespace {

using nlohmann::json;

constexpr std::string_view identity_key = "server(identity)";
// Types of performance counters that only ever grow.
constexpr std::int64_t rate_counter = 272696576;
constexpr std::int64_t average_counter = 1073874176;

// "nvarchar(60) not null"
ColumnType parse_column_type(const std::string& text) {
    const std::string_view all(text);
    const std::size_t name_end = all.find_first_of("( ");
    std::vector<int> sizes;
    if (name_end != std::string_view::npos && all[name_end] == '(') {
        for (std::size_t at = name_end; all[at] != ')'; at = all.find_first_of(",)", at)) {
            ++at;
            int size = -1;  // "max" stays that
            std::from_chars(all.data() + at, all.data() + all.size(), size);
            sizes.push_back(size);
        }
    }
    const auto type = type_from_name(all.substr(0, name_end), sizes);
    if (!type) throw std::runtime_error(fmt::format("unknown type \"{}\"", text));
    ColumnType column = *type;
    column.nullable = all.find("not null") == std::string_view::npos;
    return column;
}

Cell parse_cell(const json& value, const ColumnType& type) {
    if (value.is_null()) return {};
    if (value.is_boolean()) return convert(Cell{value.get<bool>()}, type);
    if (value.is_number_integer()) return convert(Cell{value.get<std::int64_t>()}, type);
    if (value.is_number()) return convert(Cell{value.get<double>()}, type);
    return convert(Cell{value.get<std::string>()}, type);
}

std::vector<Row> parse_rows(const json& rows, const std::vector<Column>& columns) {
    std::vector<Row> parsed;
    for (const json& cells : rows) {
        if (cells.size() != columns.size())
            throw std::runtime_error("a row has not as many cells as there are columns");
        Row row;
        for (std::size_t i = 0; i < columns.size(); ++i)
            row.push_back(parse_cell(cells[i], columns[i].type));
        parsed.push_back(std::move(row));
    }
    return parsed;
}

// What was recorded as a part of a view, or as something that is none, is there for the queries of system_views.cpp.
std::string name_of_recording(const std::string& key) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 10> names{
        {{"msdb.dbo.backupset(last)", "fixture.backupset"},
         {"msdb.dbo.sysjobs(last_run)", "fixture.sysjobs"},
         {"sys.configurations(cast)", "fixture.configurations"},
         {"sys.dm_exec_connections(self)", "fixture.connections"},
         {"sys.dm_exec_sessions", "fixture.sessions"},
         {"sys.dm_exec_requests", "fixture.requests"},
         {"sys.databases", "fixture.databases"},
         {"sys.master_files", "fixture.master_files"},
         {"sys.dm_hadr_availability_replica_states(join)", "fixture.replica_states"},
         {identity_key, "server"}}};
    const auto* found = std::find_if(names.begin(), names.end(), [&](const auto& known) { return known.first == key; });
    return std::string(found != names.end() ? found->second : std::string_view(key));
}

RecordedTable parse_table(const std::string& key, const json& set) {
    RecordedTable table;
    table.name = name_of_recording(key);
    for (const json& column : set.at("columns"))
        table.columns.push_back(
            {column.at("name").get<std::string>(), parse_column_type(column.at("sql_type").get<std::string>())});
    table.poll1 = parse_rows(set.at("poll1"), table.columns);
    table.poll2 = parse_rows(set.at("poll2"), table.columns);
    return table;
}

std::int64_t timestamp(const json& text) {
    const auto ticks = parse_timestamp(text.get<std::string>());
    if (!ticks) throw std::runtime_error(fmt::format("not a time: {}", text.get<std::string>()));
    return *ticks;
}

std::string without_prefix(std::string_view object) {
    const std::size_t colon = object.find(':');
    return std::string(object.substr(colon == std::string_view::npos ? 0 : colon + 1));
}

// The base of an average grows with it; the base of a percentage does not.
std::set<std::string> cumulative_counters(const json& root) {
    std::set<std::string> counters;
    const json& rows = root.at("resultsets").at("sys.dm_os_performance_counters").at("poll1");
    const json& bases = root.at("base_counters");
    for (const json& row : rows) {
        const std::string object = without_prefix(row.at(0).get<std::string>());
        const std::string key = object + "\\" + row.at(1).get<std::string>();
        const auto type = row.at(4).get<std::int64_t>();
        if (type != rate_counter && type != average_counter) continue;
        counters.insert(key);
        if (bases.contains(key)) counters.insert(object + "\\" + bases.at(key).get<std::string>());
    }
    for (const auto& [key, how] : root.at("type_overrides").items())
        counters.insert(key);
    return counters;
}

FixtureData parse(const json& root) {
    FixtureData data;
    for (const auto& [key, set] : root.at("resultsets").items()) {
        if (key == identity_key) {
            data.identity = parse_table(key, set);
        } else {
            data.tables.push_back(parse_table(key, set));
        }
    }
    for (const auto& [key, set] : root.at("azure_sql_database_variant").items()) {
        if (set.contains("columns")) data.tables.push_back(parse_table(key, set));
    }
    for (const json& error : root.at("errors")) {
        const ServerMessage message{error.at("number").get<int>(), error.at("level").get<int>(),
                                    error.at("state").get<int>(), error.at("text").get<std::string>()};
        data.errors.emplace(message.number, message);
    }
    const std::set<std::string> counters = cumulative_counters(root);
    for (RecordedTable& table : data.tables)
        table.growth = plan_growth(table.name, table.columns, table.poll1, table.poll2, counters);
    const json& polls = root.at("polls");
    data.utc_ticks = timestamp(polls.at(0).at("utc"));
    data.utc_offset_ticks = timestamp(polls.at(0).at("local")) - data.utc_ticks;
    data.ms_between_polls =
        polls.at(1).at("ms_ticks").get<std::int64_t>() - polls.at(0).at("ms_ticks").get<std::int64_t>();
    if (data.ms_between_polls <= 0 || data.identity.poll1.size() != 1)
        throw std::runtime_error("the two polls are not in order");
    data.spid = static_cast<int>(to_double(data.identity.poll1.front().at(data.identity.column("spid").value())));
    return data;
}

}  // namespace

std::optional<std::size_t> RecordedTable::column(std::string_view wanted) const {
    const auto found = std::find_if(columns.begin(), columns.end(),
                                    [&](const Column& column) { return same_text(column.name, wanted); });
    if (found == columns.end()) return std::nullopt;
    return static_cast<std::size_t>(found - columns.begin());
}

const RecordedTable* FixtureData::table(std::string_view name) const {
    const auto found =
        std::find_if(tables.begin(), tables.end(), [&](const RecordedTable& table) { return table.name == name; });
    return found != tables.end() ? &*found : nullptr;
}

std::shared_ptr<const Fixture> Fixture::load(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(fmt::format("cannot read {}", path));
    try {
        return std::make_shared<const Fixture>(std::make_unique<const FixtureData>(parse(json::parse(file))));
    } catch (const std::exception& error) {
        throw std::runtime_error(fmt::format("{} is not a usable fixture: {}", path, error.what()));
    }
}

Fixture::Fixture(std::unique_ptr<const FixtureData> data) : data_(std::move(data)) {}
Fixture::~Fixture() = default;

std::optional<ServerMessage> Fixture::error(int number) const {
    const auto found = data_->errors.find(number);
    return found != data_->errors.end() ? std::optional(found->second) : std::nullopt;
}

std::optional<Replay> replay_from_text(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, Replay>, 4> names{
        {{"poll1", Replay::poll1}, {"poll2", Replay::poll2}, {"steps", Replay::steps}, {"live", Replay::live}}};
    const auto* found =
        std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.first == text; });
    return found != names.end() ? std::optional(found->second) : std::nullopt;
}

}  // namespace tds_server
