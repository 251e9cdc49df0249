#include "prober/groups/group_plan.h"

#include <algorithm>
#include <map>

#include "prober/freetds/tds_rows.h"
#include "prober/groups/text_hash.h"

namespace vitals::prober {

namespace {

using core::GroupMetric;
using core::Over;

constexpr std::string_view total_instance = "_Total";

// "SQLServer:Buffer Manager" and, of a named instance, "MSSQL$NAME:Buffer Manager" are the same object.
std::string_view object_name(std::string_view object) noexcept {
    return object.substr(object.find(':') + 1);
}

std::string_view object_of(std::string_view source) noexcept {
    return source.substr(0, source.find('\\'));
}

std::string_view counter_of(std::string_view source) noexcept {
    return source.substr(source.find('\\') + 1);
}

// Where the source stands from position `from` on, at the end if it was not there.
std::size_t position_of(std::vector<std::string>& sources, const std::string& source, std::size_t from = 0) {
    const auto found = std::find_if(sources.begin() + static_cast<std::ptrdiff_t>(from), sources.end(),
                                    [&](const std::string& one) { return equal_ignoring_case(one, source); });
    if (found != sources.end()) return static_cast<std::size_t>(found - sources.begin());
    sources.push_back(source);
    return sources.size() - 1;
}

bool is_single(const GroupMetric& metric, const core::MetricGroup& group) {
    if (metric.over == Over::category) return false;
    if (metric.over != Over::row) return true;
    return group.rows_layout ? metric.instance != "*" : group.labels.empty();
}

}  // namespace

bool is_difference(core::MetricKind kind) noexcept {
    using enum core::MetricKind;
    return kind == rate || kind == delta || kind == average;
}

bool takes_instance(const GroupMetric& metric, std::string_view instance) noexcept {
    if (metric.instance == "*") return !equal_ignoring_case(instance, total_instance);
    return equal_ignoring_case(metric.instance, instance);
}

GroupPlan::GroupPlan(const core::WantedGroup& wanted) : group_(wanted.group) {
    if (group_->rows_layout) {
        plan_counters(wanted);
    } else {
        plan_columns(wanted);
    }
    for (std::size_t i = 0; i < metrics_.size(); ++i)
        tables_[metrics_[i].table].metrics.push_back(i);
    find_places();

    TextHash hash;
    for (const auto& label : group_->labels)
        hash.add(label);
    hash.add(std::uint64_t{group_->labels.size()});
    for (const auto& column : group_->key)
        hash.add(column);
    for (const auto& variant : group_->variants)
        hash.add(variant.sql);
    for (const GroupTable& table : tables_) {
        for (std::size_t i = 0; i < table.cumulative; ++i)
            hash.add_ignoring_case(table.sources[i]);
        hash.add(std::uint64_t{table.cumulative});
    }
    layout_ = hash.value();
}

void GroupPlan::plan_columns(const core::WantedGroup& wanted) {
    GroupTable& table = tables_.emplace_back();
    const auto note = [&](const GroupMetric& metric) {
        if (!metric.source.empty()) position_of(table.sources, metric.source);
        if (!metric.base.empty()) position_of(table.sources, metric.base);
    };
    for (const GroupMetric* metric : wanted.metrics) {
        if (is_difference(metric->kind)) note(*metric);
    }
    table.cumulative = table.sources.size();
    for (const GroupMetric* metric : wanted.metrics) {
        PlannedMetric& planned = metrics_.emplace_back();
        planned.metric = metric;
        planned.single = is_single(*metric, *group_);
        // What is compared may be a sum of rows (add_up_shared_keys): what is used as it is has a place of its own.
        const std::size_t from = is_difference(metric->kind) ? 0 : table.cumulative;
        if (!metric->source.empty()) planned.source = position_of(table.sources, metric->source, from);
        if (!metric->base.empty()) planned.base = position_of(table.sources, metric->base, from);
    }
}

void GroupPlan::plan_counters(const core::WantedGroup& wanted) {
    // By what is read and whether it is compared: the same counter as a gauge and as a rate is two tables.
    std::map<std::string, std::size_t> numbers;
    for (const GroupMetric* metric : wanted.metrics) {
        const bool difference = is_difference(metric->kind);
        const std::string key = (difference ? "d" : "g") + metric->source + '\n' + metric->base;
        const auto [number, is_new] = numbers.try_emplace(key, tables_.size());
        if (is_new) {
            GroupTable& table = tables_.emplace_back();
            table.sources.push_back(metric->source);
            if (!metric->base.empty()) table.sources.push_back(metric->base);
            if (difference) table.cumulative = table.sources.size();
        }
        PlannedMetric& planned = metrics_.emplace_back();
        planned.metric = metric;
        planned.table = number->second;
        planned.single = is_single(*metric, *group_);
        planned.source = 0;
        if (!metric->base.empty()) planned.base = 1;
    }
}

std::uint64_t GroupPlan::counter_hash(std::string_view object, std::string_view counter) noexcept {
    return TextHash().add_ignoring_case(object_name(object)).add_ignoring_case(counter).value();
}

void GroupPlan::find_places() {
    if (!group_->rows_layout) return;
    for (std::size_t table = 0; table < tables_.size(); ++table) {
        const auto& sources = tables_[table].sources;
        for (std::size_t source = 0; source < sources.size(); ++source)
            places_.emplace(counter_hash(object_of(sources[source]), counter_of(sources[source])),
                            Place{table, source});
    }
}

bool GroupPlan::uses_instance(const GroupTable& table, std::string_view instance) const noexcept {
    return std::any_of(table.metrics.begin(), table.metrics.end(),
                       [&](std::size_t metric) { return takes_instance(*metrics_[metric].metric, instance); });
}

std::vector<std::string> GroupPlan::source_names() const {
    std::vector<std::string> names;
    for (const GroupTable& table : tables_) {
        for (const std::string& source : table.sources)
            position_of(names, group_->rows_layout ? std::string(counter_of(source)) : source);
    }
    return names;
}

}  // namespace vitals::prober
