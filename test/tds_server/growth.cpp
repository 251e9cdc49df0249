#include "tds_server/growth.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace tds_server {

namespace {

struct Rule {
    std::string_view table;
    std::string_view column;
    Growth growth;
};

constexpr std::string_view counters_table = "sys.dm_os_performance_counters";

// A trailing * stands for any ending.
constexpr std::array<Rule, 26> rules{{
    {"sys.dm_os_wait_stats", "waiting_tasks_count", Growth::work},
    {"sys.dm_os_wait_stats", "wait_time_ms", Growth::work},
    {"sys.dm_os_wait_stats", "signal_wait_time_ms", Growth::work},
    {"sys.dm_io_virtual_file_stats", "sample_ms", Growth::clock},
    {"sys.dm_io_virtual_file_stats", "num_of_*", Growth::work},
    {"sys.dm_io_virtual_file_stats", "io_stall*", Growth::work},
    {"sys.dm_os_sys_info", "cpu_ticks", Growth::clock},
    {"sys.dm_os_sys_info", "ms_ticks", Growth::clock},
    {"sys.dm_os_sys_info", "process_*", Growth::work},
    {"sys.dm_os_sys_info", "committed_kb", Growth::swing},
    {"sys.dm_os_sys_info", "sqlserver_start_time_ms_ticks", Growth::started},
    {"sys.dm_os_sys_info", "sqlserver_start_time", Growth::started},
    {"sys.dm_os_sys_memory", "available_*", Growth::swing},
    {"sys.dm_os_sys_memory", "system_cache_kb", Growth::swing},
    {"sys.dm_os_process_memory", "page_fault_count", Growth::work},
    {"sys.dm_os_process_memory", "*_kb", Growth::swing},
    {"sys.dm_os_process_memory", "available_*", Growth::swing},
    {"sys.dm_os_process_memory", "physical_*", Growth::swing},
    {"sys.dm_os_process_memory", "virtual_*", Growth::swing},
    {"sys.dm_os_schedulers", "yield_count", Growth::work},
    {"sys.dm_os_schedulers", "total_*", Growth::work},
    {"sys.dm_os_schedulers", "*_count", Growth::swing},
    {"server", "ms_ticks", Growth::clock},
    {"server", "utc_now", Growth::clock},
    {"server", "local_now", Growth::clock},
    {"server", "sqlserver_start_time*", Growth::started},
}};

struct Key {
    std::string_view table;
    std::array<std::string_view, 3> columns;
};
constexpr std::array<Key, 6> keys{{
    {counters_table, {"object_name", "counter_name", "instance_name"}},
    {"sys.dm_os_wait_stats", {"wait_type", "", ""}},
    {"sys.dm_io_virtual_file_stats", {"database_id", "file_id", ""}},
    {"sys.dm_os_schedulers", {"scheduler_id", "cpu_id", ""}},
    {"sys.dm_os_sys_info", {"cpu_count", "", ""}},
    {"sys.dm_os_sys_memory", {"total_physical_memory_kb", "", ""}},
}};

bool fits(std::string_view pattern, std::string_view name) {
    if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
    if (pattern.starts_with('*')) return name.ends_with(pattern.substr(1));
    return pattern == name;
}

std::string_view trimmed(const Cell& cell) {
    const auto* text = std::get_if<std::string>(&cell);
    if (text == nullptr) return {};
    return std::string_view(*text).substr(0, text->find_last_not_of(' ') + 1);
}

Growth counter_growth(const Row& row, const std::set<std::string>& cumulative_counters) {
    std::string object(trimmed(row[0]));
    object.erase(0, object.find(':') + 1);
    const auto cumulative = [&](std::string_view counter) {
        return cumulative_counters.contains(object + "\\" + std::string(counter));
    };
    if (trimmed(row[1]) == "User Connections" || trimmed(row[1]) == "Logical Connections") return Growth::load;
    return cumulative(trimmed(row[1])) || cumulative("*") ? Growth::work : Growth::swing;
}

Growth column_growth(std::string_view table, std::string_view column) {
    const auto* rule = std::find_if(rules.begin(), rules.end(), [&](const Rule& known) {
        return known.table == table && fits(known.column, column);
    });
    return rule != rules.end() ? rule->growth : Growth::none;
}

std::optional<std::size_t> index_of(const std::vector<Column>& columns, std::string_view name) {
    const auto found =
        std::find_if(columns.begin(), columns.end(), [&](const Column& column) { return column.name == name; });
    if (found == columns.end()) return std::nullopt;
    return static_cast<std::size_t>(found - columns.begin());
}

// What a row is found again by: its key, or its place where the table has no key and always one row.
std::vector<std::vector<Cell>> keys_of(std::string_view table, const std::vector<Column>& columns,
                                       const std::vector<Row>& rows) {
    const auto* key = std::find_if(keys.begin(), keys.end(), [&](const Key& known) { return known.table == table; });
    std::vector<std::vector<Cell>> values;
    for (const Row& row : rows) {
        std::vector<Cell> value;
        for (std::size_t i = 0; key != keys.end() && i < key->columns.size(); ++i) {
            if (const auto column = index_of(columns, key->columns[i])) value.push_back(row[*column]);
        }
        values.push_back(std::move(value));
    }
    return values;
}

std::vector<std::optional<std::size_t>> partners_of(const std::vector<std::vector<Cell>>& rows,
                                                    const std::vector<std::vector<Cell>>& others) {
    std::vector<std::optional<std::size_t>> partners;
    for (const auto& row : rows) {
        const bool keyed = !row.empty() || (rows.size() == 1 && others.size() == 1);
        const auto found = keyed ? std::find(others.begin(), others.end(), row) : others.end();
        partners.push_back(found != others.end() ? std::optional(static_cast<std::size_t>(found - others.begin()))
                                                 : std::nullopt);
    }
    return partners;
}

std::vector<Growth> counters_of(const std::vector<Row>& rows, const std::set<std::string>& cumulative_counters) {
    std::vector<Growth> counters;
    std::transform(rows.begin(), rows.end(), std::back_inserter(counters),
                   [&](const Row& row) { return counter_growth(row, cumulative_counters); });
    return counters;
}

}  // namespace

GrowthPlan plan_growth(std::string_view table, const std::vector<Column>& columns, const std::vector<Row>& poll1,
                       const std::vector<Row>& poll2, const std::set<std::string>& cumulative_counters) {
    GrowthPlan plan;
    for (const Column& column : columns)
        plan.columns.push_back(column_growth(table, column.name));
    const auto keys1 = keys_of(table, columns, poll1);
    const auto keys2 = keys_of(table, columns, poll2);
    plan.poll1.partners = partners_of(keys1, keys2);
    plan.poll2.partners = partners_of(keys2, keys1);
    if (table != counters_table) return plan;
    plan.counter_column = index_of(columns, "cntr_value");
    plan.poll1.counters = counters_of(poll1, cumulative_counters);
    plan.poll2.counters = counters_of(poll2, cumulative_counters);
    return plan;
}

}  // namespace tds_server
