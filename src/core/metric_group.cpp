#include "core/metric_group.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <set>
#include <utility>

#include "core/line_reader.h"
#include "core/metric_group_json.h"
#include "core/stable_hash.h"

namespace vitals::core {

namespace {

constexpr std::size_t max_name = 63;      // bytes, of a group
constexpr std::size_t max_metric = 100;   // bytes, of a metric: as in metric_types
constexpr std::size_t max_column = 128;   // bytes, of a column, a permission or a label's text
constexpr std::size_t max_source = 260;   // bytes: an object, a backslash, a counter
constexpr std::size_t max_columns = 8;    // labels, and columns of the key
constexpr std::size_t max_labels = 5000;  // with a category
constexpr std::size_t max_variants = 16;
constexpr std::size_t max_editions = 16;
constexpr std::size_t max_placeholders = 8;  // each becomes the names of up to 300 metrics
constexpr int max_every = 3600;
constexpr int max_timeout_ms = 3'600'000;
constexpr int max_number = 1000;  // of a version or an edition

// What a connector reads for itself, and what metrics_enabled means otherwise.
constexpr std::array<std::string_view, 5> reserved_names{"server", "sysinfo", "cpu_history", "session", "none"};

constexpr std::array<std::pair<MetricKind, std::string_view>, 5> kinds{{
    {MetricKind::gauge, "gauge"},
    {MetricKind::rate, "rate"},
    {MetricKind::delta, "delta"},
    {MetricKind::ratio, "ratio"},
    {MetricKind::average, "average"},
}};
constexpr std::array<std::pair<Over, std::string_view>, 6> overs{{
    {Over::row, "row"},
    {Over::sum, "sum"},
    {Over::max, "max"},
    {Over::min, "min"},
    {Over::count, "count"},
    {Over::category, "category"},
}};
constexpr std::array<std::pair<NewRows, std::string_view>, 2> rules{{
    {NewRows::from_zero, "from_zero"},
    {NewRows::own_life, "own_life"},
}};
constexpr std::array<std::pair<bool, std::string_view>, 2> layouts{{{false, "columns"}, {true, "rows"}}};

template <typename Choice, std::size_t size>
Choice choice_of(const Json& json, const std::array<std::pair<Choice, std::string_view>, size>& choices,
                 const char* rule) {
    require(json.is_string(), rule);
    const auto& text = json.get_ref<const std::string&>();
    const auto* found =
        std::find_if(choices.begin(), choices.end(), [&](const auto& one) { return one.second == text; });
    require(found != choices.end(), rule);
    return found->first;
}

template <typename Choice, std::size_t size>
std::string_view name_of(Choice choice, const std::array<std::pair<Choice, std::string_view>, size>& choices) {
    const auto* found =
        std::find_if(choices.begin(), choices.end(), [&](const auto& one) { return one.first == choice; });
    return found->second;
}

bool is_name(std::string_view text, std::size_t limit) {
    const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto other = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; };
    return !text.empty() && text.size() <= limit && letter(text.front()) &&
           std::all_of(text.begin(), text.end(), other);
}

std::vector<std::string> columns_of(const Json& json) {
    require(json.is_array() && json.size() <= max_columns, "labels and key are arrays of at most 8 columns");
    std::vector<std::string> columns;
    for (const auto& element : json) {
        columns.push_back(printable_of(element, max_column));
        require(!columns.back().empty(), "a label or key has no name");
    }
    return columns;
}

std::map<std::string, std::string, std::less<>> categories_of(const Json& json) {
    require(json.is_object() && json.size() <= max_labels, "categories are an object of at most 5000 labels");
    std::map<std::string, std::string, std::less<>> categories;
    for (const auto& [label, category] : json.items()) {
        require(label.size() <= max_column && label.find('\0') == std::string::npos, "a label is too long");
        const auto [added, is_new] = categories.emplace(label, printable_of(category, max_column));
        require(!added->second.empty(), "a category has no name");
    }
    return categories;
}

std::size_t placeholders_in(std::string_view sql) {
    std::size_t count = 0;
    for (std::size_t at = sql.find(sources_placeholder); at != std::string_view::npos;
         at = sql.find(sources_placeholder, at + sources_placeholder.size()))
        ++count;
    return count;
}

GroupVariant variant_of(const Json& json) {
    Fields fields(json);
    GroupVariant variant;
    if (const Json* version = fields.find("min_version"))
        variant.min_version = integer_of<int>(*version, 0, max_number);
    if (const Json* editions = fields.find("editions")) {
        for (const auto& element : array_of(*editions, 0, max_editions))
            variant.editions.push_back(integer_of<int>(element, 1, max_number));
    }
    variant.sql = text_of(fields.get("sql"), max_group_sql);
    require(variant.sql.find_first_not_of(" \t\r\n;") != std::string::npos, "a variant has no SQL");
    require(placeholders_in(variant.sql) <= max_placeholders, "a variant has {{sources}} more than 8 times");
    fields.done();
    return variant;
}

GroupMetric metric_of(const Json& json) {
    Fields fields(json);
    GroupMetric metric;
    metric.name = text_of(fields.get("name"), max_metric_name);
    require(is_name(metric.name, max_metric), "a metric's name is not of the form [a-z][a-z0-9_]{0,99}");
    if (const Json* kind = fields.find("kind")) {
        metric.kind = choice_of(*kind, kinds, "kind is not one of gauge, rate, delta, ratio, average");
    }
    if (const Json* source = fields.find("source")) metric.source = printable_of(*source, max_source);
    if (const Json* base = fields.find("base")) metric.base = printable_of(*base, max_source);
    if (const Json* factor = fields.find("factor")) metric.factor = finite_of(*factor);
    if (const Json* over = fields.find("over")) {
        metric.over = choice_of(*over, overs, "over is not one of row, sum, max, min, count, category");
    }
    if (const Json* instance = fields.find("instance")) metric.instance = printable_of(*instance, max_column);
    if (const Json* skip = fields.find("skip_ignored")) metric.skip_ignored = boolean_of(*skip);
    fields.done();
    return metric;
}

bool is_one_of(MetricKind kind, std::initializer_list<MetricKind> some) {
    return std::find(some.begin(), some.end(), kind) != some.end();
}

bool names_counter(std::string_view source) {
    const auto backslash = source.find('\\');
    return backslash != std::string_view::npos && backslash > 0 && backslash + 1 < source.size();
}

void check_metric(const GroupMetric& metric, const MetricGroup& group) {
    using enum MetricKind;
    require(metric.factor != 0.0, "factor is zero");
    require(!metric.source.empty() || (metric.over == Over::count && !group.rows_layout), "a metric has no source");
    require(metric.base.empty() != is_one_of(metric.kind, {ratio, average}),
            "kinds ratio and average have a base, and no other has");
    const bool extreme = metric.over == Over::max || metric.over == Over::min;
    require(!extreme || is_one_of(metric.kind, {gauge, ratio}), "max and min are for the kinds gauge and ratio");
    require(metric.over != Over::count || metric.kind == gauge, "count is for the kind gauge");
    if (group.rows_layout) {
        require(names_counter(metric.source) && (metric.base.empty() || names_counter(metric.base)),
                "a source of the layout rows is of the form Object\\Counter");
        require(metric.over != Over::category && !metric.skip_ignored, "categories are for the layout columns");
    } else {
        require(metric.instance.empty(), "instance is for the layout rows");
        require((metric.over != Over::category && !metric.skip_ignored) || !group.labels.empty(),
                "categories need a label");
    }
}

void check_group(const MetricGroup& group) {
    require(is_name(group.name, max_name), "a group's name is not of the form [a-z][a-z0-9_]{0,62}");
    require(std::find(reserved_names.begin(), reserved_names.end(), group.name) == reserved_names.end(),
            "the group's name is reserved");
    require(!group.rows_layout || (group.labels.empty() && group.key.empty() && group.categories.empty()),
            "labels, key and categories are for the layout columns");
    std::set<std::string_view> names;
    for (const auto& metric : group.metrics) {
        check_metric(metric, group);
        require(names.insert(metric.name).second, "a metric is given twice");
    }
}

Json json_of(const GroupVariant& variant) {
    Json json{{"sql", variant.sql}};
    if (variant.min_version != 0) json["min_version"] = variant.min_version;
    if (!variant.editions.empty()) json["editions"] = variant.editions;
    return json;
}

Json json_of(const GroupMetric& metric) {
    Json json{{"name", metric.name}};
    if (metric.kind != MetricKind::gauge) json["kind"] = name_of(metric.kind, kinds);
    if (!metric.source.empty()) json["source"] = metric.source;
    if (!metric.base.empty()) json["base"] = metric.base;
    if (metric.factor != 1.0) json["factor"] = metric.factor;
    if (metric.over != Over::row) json["over"] = name_of(metric.over, overs);
    if (!metric.instance.empty()) json["instance"] = metric.instance;
    if (metric.skip_ignored) json["skip_ignored"] = true;
    return json;
}

template <typename Part>
Json array_from(const std::vector<Part>& parts) {
    Json json = Json::array();
    for (const Part& part : parts)
        json.push_back(json_of(part));
    return json;
}

}  // namespace

MetricGroup metric_group_of(const Json& json) {
    Fields fields(json);
    MetricGroup group;
    group.name = text_of(fields.get("name"), max_metric_name);
    if (const Json* builtin = fields.find("builtin")) group.builtin = boolean_of(*builtin);
    if (const Json* permission = fields.find("permission")) group.permission = printable_of(*permission, max_column);
    if (const Json* every = fields.find("every")) group.every = integer_of<int>(*every, 1, max_every);
    if (const Json* timeout = fields.find("timeout_ms"))
        group.timeout = std::chrono::milliseconds{integer_of<int>(*timeout, 0, max_timeout_ms)};
    if (const Json* limit = fields.find("row_limit"))
        group.row_limit = integer_of<std::size_t>(*limit, 1, max_group_rows);
    if (const Json* layout = fields.find("layout"))
        group.rows_layout = choice_of(*layout, layouts, "layout is not one of columns, rows");
    if (const Json* labels = fields.find("labels")) group.labels = columns_of(*labels);
    if (const Json* key = fields.find("key")) group.key = columns_of(*key);
    if (const Json* rule = fields.find("new_rows"))
        group.new_rows = choice_of(*rule, rules, "new_rows is not one of from_zero, own_life");
    if (const Json* categories = fields.find("categories")) group.categories = categories_of(*categories);
    for (const auto& element : array_of(fields.get("variants"), 1, max_variants))
        group.variants.push_back(variant_of(element));
    for (const auto& element : array_of(fields.get("metrics"), 1, max_group_metrics))
        group.metrics.push_back(metric_of(element));
    fields.done();
    check_group(group);
    return group;
}

Json json_of(const MetricGroup& group) {
    Json json{{"name", group.name}, {"variants", array_from(group.variants)}, {"metrics", array_from(group.metrics)}};
    const MetricGroup defaults;
    if (group.builtin) json["builtin"] = true;
    if (!group.permission.empty()) json["permission"] = group.permission;
    if (group.every != defaults.every) json["every"] = group.every;
    if (group.timeout != defaults.timeout) json["timeout_ms"] = group.timeout.count();
    if (group.row_limit != defaults.row_limit) json["row_limit"] = group.row_limit;
    if (group.rows_layout) json["layout"] = name_of(true, layouts);
    if (!group.labels.empty()) json["labels"] = group.labels;
    if (!group.key.empty()) json["key"] = group.key;
    if (group.new_rows != defaults.new_rows) json["new_rows"] = name_of(group.new_rows, rules);
    if (!group.categories.empty()) json["categories"] = group.categories;
    return json;
}

MetricGroup parse_metric_group(std::string_view json) {
    return metric_group_of(parse_line(json, max_group_line));
}

std::string encode_metric_group(const MetricGroup& group) {
    return dump(json_of(group));
}

std::vector<WantedGroup> wanted_groups(const MetricGroups& groups, const std::vector<std::string>& metrics_enabled) {
    const std::set<std::string_view> names(metrics_enabled.begin(), metrics_enabled.end());
    std::vector<WantedGroup> wanted;
    for (const auto& [name, group] : groups) {
        const bool whole = names.empty() || names.contains(name);
        WantedGroup one{&group, {}};
        for (const auto& metric : group.metrics) {
            if (whole || names.contains(metric.name)) one.metrics.push_back(&metric);
        }
        if (!one.metrics.empty()) wanted.push_back(std::move(one));
    }
    std::stable_partition(wanted.begin(), wanted.end(), [](const WantedGroup& one) { return one.group->builtin; });
    return wanted;
}

bool runs_in_cycle(const MetricGroup& group, std::uint64_t cycle) noexcept {
    if (cycle == 0 || group.every <= 1) return true;
    return cycle % static_cast<std::uint64_t>(group.every) == 0;
}

std::uint64_t second_cycle(std::string_view server_id) noexcept {
    return 1 + stable_hash(server_id) % max_every;
}

}  // namespace vitals::core
