#include "tds_server/catalogue.h"

#include <algorithm>
#include <utility>

#include "tds_server/sample_objects.h"
#include "tds_server/sql_types.h"
#include "tds_server/system_views.h"
#include "tds_server/tsql_lexer.h"
#include "tds_server/tsql_plan.h"

namespace tds_server {

namespace {

constexpr std::string_view internal_schema = "fixture.";

// What careless clients rely on and versions differ in.
ColumnType wrong_type(const RecordedTable& table, const Column& column) {
    ColumnType type = column.type;
    if (column.name == "cntr_value") type = {SqlType::decimal, 0, 20, 0, column.type.nullable};
    if (column.name == "sample_ms") type = {SqlType::float8, 0, 0, 0, column.type.nullable};
    if (column.name == "wait_type" || column.name == "counter_name") type.type = SqlType::varchar;
    if (table.name == "sys.dm_os_sys_memory" && is_integer(type.type)) type = {SqlType::float8};
    return type;
}

}  // namespace

Catalogue::Catalogue(std::shared_ptr<const Fixture> fixture, const ServerProfile& profile, ProgramCache& programs)
    : fixture_(std::move(fixture)), profile_(profile), programs_(programs) {
    const FixtureData& data = fixture_->data();
    std::string name = profile.collation;
    if (name.empty()) name = to_text(data.identity.poll1.front()[data.identity.column("collation").value()]);
    collation_ = collation_from_name(name).value_or(Collation{});
    for (const ViewRule& rule : view_rules()) {
        if (!exists_there(rule.platforms, rule.since, 99, profile)) continue;
        Relation relation;
        relation.name = rule.name;
        relation.need = rule.need;
        relation.function = rule.function;
        if (rule.query.empty()) {
            const RecordedTable* table = data.table(rule.name);
            if (table != nullptr) add_recorded(*table, std::move(relation));
            continue;
        }
        const bool known = std::any_of(entries_.begin(), entries_.end(),
                                       [&](const Entry& entry) { return entry.relation.name == rule.name; });
        if (!known) entries_.push_back({std::move(relation), rule.query, false, nullptr});
    }
    // The fixture's own tables are there for the queries of views.
    for (const RecordedTable& table : data.tables) {
        Relation relation;
        relation.name =
            table.name.starts_with(internal_schema) ? table.name : std::string(internal_schema) + table.name;
        add_recorded(table, std::move(relation));
    }
}

bool Catalogue::has_column(std::string_view view, std::string_view column) const {
    const auto& rules = column_rules();
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const ColumnRule& known) {
        return known.view == view && known.column == column;
    });
    return rule == rules.end() || exists_there(rule->platforms, rule->since, rule->until, profile_);
}

void Catalogue::add_recorded(const RecordedTable& table, Relation relation) {
    relation.recorded = &table;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        Column column = table.columns[i];
        if (!has_column(relation.name, column.name)) continue;
        // An int until 2014 that wraps after 24.9 days.
        constexpr int first_with_bigint = 13;
        if (column.name == "sample_ms" && profile_.features() < first_with_bigint) column.type.type = SqlType::integer;
        if (profile_.wrong_types) column.type = wrong_type(table, column);
        relation.converted.push_back(column.type.type != table.columns[i].type.type);
        relation.columns.push_back(std::move(column));
        relation.picked.push_back(i);
    }
    entries_.push_back({std::move(relation), {}, true, nullptr});
}

void Catalogue::plan_view(Entry& entry, const ServerView& server) {
    entry.ready = true;
    entry.program = programs_.program(entry.query);
    const auto& query = std::get<Query>(entry.program->batch().front().node);
    static const VariableTypes no_variables;
    entry.relation.plan = plan_query(query, server, no_variables, nullptr, nullptr);
    const std::vector<Column>& columns = entry.relation.plan->columns;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (!has_column(entry.relation.name, columns[i].name)) continue;
        entry.relation.columns.push_back(columns[i]);
        entry.relation.picked.push_back(i);
    }
}

const Relation* Catalogue::find(std::string_view name, const ServerView& server) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return same_name(entry.relation.name, name, collation_);
    });
    if (found == entries_.end()) return nullptr;
    if (!found->ready) plan_view(*found, server);
    return &found->relation;
}

}  // namespace tds_server
