#include "extension/definitions.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/wire.h"
#include "pg/query.h"

namespace vitals::ext {

namespace {

constexpr std::size_t most_own_groups = 50;
// As the prober is told of them: together with those of the extension less than may wait for it to read.
constexpr std::size_t most_own_bytes = 2 * 1024 * 1024;
// All others wait meanwhile.
constexpr std::chrono::seconds reading_limit{3};

void encode_lines(Definitions& definitions) {
    for (const auto& [connector, groups] : definitions.of_connector) {
        bool first = true;
        for (const auto& [name, group] : groups) {
            definitions.lines.push_back(core::encode(
                core::Define{.connector = connector, .groups = groups.size(), .reset = first, .group = group}));
            first = false;
        }
    }
}

void leave_out(std::string& problem, const std::string& group, const core::WireError& error) {
    if (!problem.empty()) problem += "; ";
    problem += "metric group \"" + group + "\" is left out: " + error.what();
}

core::MetricGroup parse_own(const OwnGroup& own, const core::MetricGroups& known) {
    if (known.contains(own.name)) throw core::WireError("there is a built-in group of this name");
    if (own.connector.size() > core::max_metric_name) throw core::WireError("the name of its connector is too long");
    if (own.definition.empty()) throw core::WireError("the definition is too long");
    core::MetricGroup group = core::parse_metric_group(own.definition);
    if (group.name != own.name) throw core::WireError("the definition has another name");
    // Only what comes with the extension is trusted not to break the batch that it is a part of.
    group.builtin = false;
    return group;
}

}  // namespace

SharedDefinitions load_builtin_definitions(std::string& problem) {
    problem.clear();
    auto definitions = std::make_shared<Definitions>();
    pg::Transaction transaction("reading definitions");
    for (const auto& row :
         pg::query("SELECT connector, name, definition::text FROM vitals.metric_group_definitions()")) {
        const std::string name = row.at(1).value_or("");
        try {
            auto group = core::parse_metric_group(row.at(2).value_or(""));
            definitions->of_connector[row.at(0).value_or("")].emplace(name, std::move(group));
        } catch (const core::WireError& error) {
            leave_out(problem, name, error);
        }
    }
    transaction.commit();
    encode_lines(*definitions);
    return definitions;
}

std::vector<OwnGroup> load_own_groups(const Tenant& tenant) {
    // One that is too long comes as none.
    const std::string sql =
        "SELECT left(g.name, 100), left(g.connector, 100), CASE WHEN pg_column_size(g.definition) <= $1::integer"
        " AND octet_length(g.definition::text) <= $1::integer THEN g.definition::text END FROM " +
        pg::quote_identifier(tenant.schema) + ".metric_groups AS g ORDER BY g.name LIMIT " +
        std::to_string(most_own_groups + 1);
    const std::string most_bytes = std::to_string(core::max_group_line);
    std::vector<OwnGroup> groups;
    pg::Transaction transaction("reading metric groups", tenant.role, reading_limit);
    for (const auto& row : pg::query(sql.c_str(), {most_bytes}))
        groups.push_back({row.at(0).value_or(""), row.at(1).value_or(""), row.at(2).value_or("")});
    transaction.commit();
    return groups;
}

SharedDefinitions merge_definitions(const SharedDefinitions& builtin, const std::vector<OwnGroup>& own,
                                    std::string& problem) {
    problem.clear();
    if (own.empty()) return builtin;
    auto merged = std::make_shared<Definitions>();
    merged->of_connector = builtin->of_connector;
    std::size_t taken = 0;
    std::size_t bytes = 0;
    for (const auto& group : own) {
        try {
            if (++taken > most_own_groups) throw core::WireError("the tenant has too many groups");
            core::MetricGroups& known = merged->of_connector[group.connector];
            if (known.size() >= core::max_groups) throw core::WireError("the connector has too many groups");
            core::MetricGroup parsed = parse_own(group, known);
            const std::size_t length = core::encode_metric_group(parsed).size();
            if (bytes + length > most_own_bytes) throw core::WireError("the tenant's groups are too long together");
            bytes += length;
            known.emplace(group.name, std::move(parsed));
        } catch (const core::WireError& error) {
            leave_out(problem, group.name, error);
        }
    }
    std::erase_if(merged->of_connector, [](const auto& entry) { return entry.second.empty(); });
    encode_lines(*merged);
    return merged;
}

WantedMetrics::WantedMetrics(const core::MetricGroups* groups, const std::vector<std::string>& metrics_enabled)
    : all_(metrics_enabled.empty()) {
    std::set<std::string> names(metrics_enabled.begin(), metrics_enabled.end());
    if (groups != nullptr) {
        for (const auto& wanted : core::wanted_groups(*groups, metrics_enabled)) {
            groups_.push_back(wanted.group);
            for (const auto* metric : wanted.metrics)
                names.insert(metric->name);
        }
    }
    if (!all_) names_.assign(names.begin(), names.end());
}

std::vector<std::string> WantedMetrics::due_groups(std::uint64_t cycle) const {
    std::vector<std::string> due;
    for (const auto* group : groups_) {
        if (core::runs_in_cycle(*group, cycle)) due.push_back(group->name);
    }
    return due;
}

void WantedMetrics::keep_wanted(std::vector<core::Value>& values) const {
    if (all_) return;
    std::erase_if(values, [this](const core::Value& value) {
        return !std::binary_search(names_.begin(), names_.end(), value.metric);
    });
}

}  // namespace vitals::ext
