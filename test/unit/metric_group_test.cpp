// Definitions of metric groups: what is encoded parses to the same, and what breaks a rule is refused by its name.
#include "core/metric_group.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core/wire.h"

namespace vitals::core {
namespace {

MetricGroup waits() {
    return parse_metric_group(R"({
        "name": "waits", "builtin": true, "permission": "VIEW SERVER STATE", "every": 5, "timeout_ms": 1500,
        "row_limit": 2000, "labels": ["wait_type"], "key": ["create_date"], "new_rows": "from_zero",
        "categories": {"LCK_M_S": "Lock", "SLEEP_TASK": "ignored"},
        "variants": [{"min_version": 11, "sql": "SELECT 1"}, {"editions": [5, 6], "sql": "SELECT N'\u00fc\n\"q\"'"}],
        "metrics": [
            {"name": "wait_time_ms", "kind": "delta", "source": "wait_time_ms", "over": "sum", "skip_ignored": true},
            {"name": "wait_avg", "kind": "average", "source": "wait_time_ms", "base": "tasks", "factor": 0.001},
            {"name": "wait_by", "kind": "rate", "source": "wait_time_ms", "over": "category"}]})");
}

MetricGroup counters() {
    return parse_metric_group(R"({
        "name": "counters", "layout": "rows", "variants": [{"sql": "SELECT 1"}],
        "metrics": [
            {"name": "hits", "kind": "ratio", "source": "Buffer Manager\\Hit", "base": "Buffer Manager\\Hit base"},
            {"name": "logins", "source": "A\\B", "over": "max", "instance": "*"}]})");
}

std::string refusal(const std::string& json) {
    try {
        parse_metric_group(json);
    } catch (const WireError& error) {
        return error.what();
    }
    return "accepted";
}

// A definition with one part replaced.
std::string with(const std::string& fields, const std::string& metric = R"("source":"a")") {
    return R"({"name":"g",)" + fields + R"("variants":[{"sql":"SELECT 1"}],"metrics":[{"name":"m",)" + metric + "}]}";
}

TEST(MetricGroup, RoundTrip) {
    for (const MetricGroup& group : {waits(), counters()}) {
        const std::string json = encode_metric_group(group);
        const MetricGroup parsed = parse_metric_group(json);
        EXPECT_EQ(parsed, group);
        EXPECT_EQ(encode_metric_group(parsed), json);
    }
}

TEST(MetricGroup, ReadsEveryField) {
    const MetricGroup group = waits();
    EXPECT_TRUE(group.builtin);
    EXPECT_EQ(group.permission, "VIEW SERVER STATE");
    EXPECT_EQ(group.every, 5);
    EXPECT_EQ(group.timeout.count(), 1500);
    EXPECT_EQ(group.row_limit, 2000U);
    EXPECT_FALSE(group.rows_layout);
    EXPECT_EQ(group.labels, std::vector<std::string>{"wait_type"});
    EXPECT_EQ(group.key, std::vector<std::string>{"create_date"});
    EXPECT_EQ(group.new_rows, NewRows::from_zero);
    EXPECT_EQ(group.categories.at("SLEEP_TASK"), "ignored");
    ASSERT_EQ(group.variants.size(), 2U);
    EXPECT_EQ(group.variants[0].min_version, 11);
    EXPECT_EQ(group.variants[1].editions, (std::vector<int>{5, 6}));
    EXPECT_EQ(group.variants[1].sql, "SELECT N'\u00fc\n\"q\"'");
    ASSERT_EQ(group.metrics.size(), 3U);
    EXPECT_TRUE(group.metrics[0].skip_ignored);
    EXPECT_EQ(group.metrics[0].over, Over::sum);
    EXPECT_EQ(group.metrics[1].kind, MetricKind::average);
    EXPECT_EQ(group.metrics[1].base, "tasks");
    EXPECT_EQ(group.metrics[1].factor, 0.001);
    EXPECT_EQ(group.metrics[2].over, Over::category);
    EXPECT_TRUE(counters().rows_layout);
    EXPECT_EQ(counters().metrics[1].instance, "*");
}

TEST(MetricGroup, LeavesDefaultsOut) {
    const MetricGroup group = parse_metric_group(with(""));
    EXPECT_EQ(encode_metric_group(group),
              R"({"metrics":[{"name":"m","source":"a"}],"name":"g","variants":[{"sql":"SELECT 1"}]})");
    EXPECT_FALSE(group.builtin);
    EXPECT_EQ(group.every, 1);
    EXPECT_EQ(group.row_limit, 1000U);
    EXPECT_EQ(group.metrics[0].kind, MetricKind::gauge);
    EXPECT_EQ(group.metrics[0].over, Over::row);
}

TEST(MetricGroup, RefusesWhatBreaksARule) {
    EXPECT_EQ(refusal(with("")), "accepted");
    EXPECT_EQ(refusal("{}"), "a required field is missing");
    EXPECT_EQ(refusal("[]"), "not an object");
    EXPECT_EQ(refusal("x"), "not JSON");
    EXPECT_EQ(refusal(std::string(max_group_line + 1, ' ')), "a line is too long");
    EXPECT_EQ(refusal(with(R"("evry":1,)")), "unknown field");
    EXPECT_EQ(refusal(with(R"("every":0,)")), "an integer is out of range");
    EXPECT_EQ(refusal(with(R"("every":3601,)")), "an integer is out of range");
    EXPECT_EQ(refusal(with(R"("row_limit":5001,)")), "an integer is out of range");
    EXPECT_EQ(refusal(with(R"("timeout_ms":1.5,)")), "an integer is expected");
    EXPECT_EQ(refusal(with(R"("layout":"table",)")), "layout is not one of columns, rows");
    EXPECT_EQ(refusal(with(R"("new_rows":1,)")), "new_rows is not one of from_zero, own_life");
    EXPECT_EQ(refusal(with(R"("labels":["a","b","c","d","e","f","g","h","i"],)")),
              "labels and key are arrays of at most 8 columns");
    EXPECT_EQ(refusal(with(R"("labels":[""],)")), "a label or key has no name");
    EXPECT_EQ(refusal(with(R"("labels":["a\nb"],)")), "a text contains control characters");
    EXPECT_EQ(refusal(with(R"("categories":{"a":""},)")), "a category has no name");
    EXPECT_EQ(refusal(R"({"name":"G","variants":[{"sql":"x"}],"metrics":[{"name":"m","source":"a"}]})"),
              "a group's name is not of the form [a-z][a-z0-9_]{0,62}");
    EXPECT_EQ(refusal(R"({"name":"server","variants":[{"sql":"x"}],"metrics":[{"name":"m","source":"a"}]})"),
              "the group's name is reserved");
    EXPECT_EQ(refusal(R"({"name":"g","variants":[],"metrics":[{"name":"m","source":"a"}]})"),
              "an array of another size is expected");
    EXPECT_EQ(refusal(R"({"name":"g","variants":[{"sql":" ;\n"}],"metrics":[{"name":"m","source":"a"}]})"),
              "a variant has no SQL");
    EXPECT_EQ(refusal(R"({"name":"g","variants":[{"sql":"x","editions":[0]}],"metrics":[{"name":"m","source":"a"}]})"),
              "an integer is out of range");
    EXPECT_EQ(refusal(R"({"name":"g","variants":[{"sql":"x"}],"metrics":[{"name":"m","source":"a"},)"
                      R"({"name":"m","source":"b"}]})"),
              "a metric is given twice");
}

TEST(MetricGroup, RefusesMetricsThatMeanNothing) {
    const auto metric = [](const std::string& fields, const std::string& group = "") {
        return refusal(with(group, fields));
    };
    EXPECT_EQ(metric(R"("source":"a","kind":"histogram")"), "kind is not one of gauge, rate, delta, ratio, average");
    EXPECT_EQ(metric(R"("source":"a","over":"all")"), "over is not one of row, sum, max, min, count, category");
    EXPECT_EQ(metric(R"("source":"a","kind":"ratio")"), "kinds ratio and average have a base, and no other has");
    EXPECT_EQ(metric(R"("source":"a","base":"b")"), "kinds ratio and average have a base, and no other has");
    EXPECT_EQ(metric(R"("source":"a","factor":0)"), "factor is zero");
    EXPECT_EQ(metric(R"("source":"a","factor":1e999)"), "not JSON");
    EXPECT_EQ(metric(R"("kind":"gauge")"), "a metric has no source");
    EXPECT_EQ(metric(R"("over":"count")"), "accepted");
    EXPECT_EQ(metric(R"("source":"a","over":"max","kind":"rate")"), "max and min are for the kinds gauge and ratio");
    EXPECT_EQ(metric(R"("source":"a","over":"count","kind":"delta")"), "count is for the kind gauge");
    EXPECT_EQ(metric(R"("source":"a","instance":"x")"), "instance is for the layout rows");
    EXPECT_EQ(metric(R"("source":"a","skip_ignored":true)"), "categories need a label");
    EXPECT_EQ(metric(R"("source":"a","over":"category")"), "categories need a label");
    EXPECT_EQ(metric(R"("source":"a","over":"category")", R"("labels":["l"],)"), "accepted");
    EXPECT_EQ(metric(R"("source":"a")", R"("layout":"rows",)"),
              "a source of the layout rows is of the form Object\\Counter");
    EXPECT_EQ(metric(R"("source":"a\\b","kind":"ratio","base":"b")", R"("layout":"rows",)"),
              "a source of the layout rows is of the form Object\\Counter");
    EXPECT_EQ(metric(R"("source":"a\\b")", R"("layout":"rows","labels":["l"],)"),
              "labels, key and categories are for the layout columns");
    EXPECT_EQ(metric(R"("source":"a\\b","over":"category")", R"("layout":"rows",)"),
              "categories are for the layout columns");
}

std::string wanted_by(const MetricGroups& groups, const std::vector<std::string>& enabled) {
    std::string text;
    for (const auto& wanted : wanted_groups(groups, enabled)) {
        text += wanted.group->name + ":";
        for (const auto* metric : wanted.metrics)
            text += " " + metric->name;
        text += "; ";
    }
    return text;
}

// Each is replaced by the names of all that is wanted.
TEST(MetricGroup, HasFewPlaceholders) {
    const auto with = [](int placeholders) {
        std::string sql = "SELECT 1";
        for (int i = 0; i < placeholders; ++i)
            sql += " {{sources}}";
        return R"({"name":"g","variants":[{"sql":")" + sql + R"("}],"metrics":[{"name":"m","source":"v"}]})";
    };
    EXPECT_NO_THROW(parse_metric_group(with(8)));
    EXPECT_THROW(parse_metric_group(with(9)), WireError);
}

TEST(MetricGroup, WantedByNameOfMetricOrGroup) {
    const MetricGroups groups{{"waits", waits()}, {"counters", counters()}};
    EXPECT_EQ(wanted_by(groups, {}), "waits: wait_time_ms wait_avg wait_by; counters: hits logins; ")
        << "built-in groups come first";
    EXPECT_EQ(wanted_by(groups, {"logins"}), "counters: logins; ");
    EXPECT_EQ(wanted_by(groups, {"waits", "hits"}), "waits: wait_time_ms wait_avg wait_by; counters: hits; ");
    EXPECT_EQ(wanted_by(groups, {"none", "if_in_octets"}), "");
    EXPECT_EQ(wanted_by({}, {}), "");
}

TEST(MetricGroup, SlowGroupsRunEveryNthCycle) {
    MetricGroup group = waits();
    group.every = 1;
    for (std::uint64_t cycle = 0; cycle < 10; ++cycle)
        EXPECT_TRUE(runs_in_cycle(group, cycle));
    group.every = 5;
    EXPECT_TRUE(runs_in_cycle(group, 0)) << "the first cycle has all";
    int runs = 0;
    for (std::uint64_t cycle = 1; cycle <= 50; ++cycle)
        runs += runs_in_cycle(group, cycle) ? 1 : 0;
    EXPECT_EQ(runs, 10);
}

TEST(MetricGroup, SlowGroupsOfAFleetSpread) {
    std::map<std::uint64_t, int> servers;
    for (int server = 0; server < 1000; ++server) {
        const auto cycle = second_cycle("5e1f0000-0000-4000-8000-" + std::to_string(100'000'000'000 + server));
        EXPECT_GE(cycle, 1U) << "the first cycle is the only one that has everything";
        ++servers[cycle % 5];
    }
    ASSERT_EQ(servers.size(), 5U);
    for (const auto& [place, count] : servers)
        EXPECT_NEAR(count, 200, 60);
}

}  // namespace
}  // namespace vitals::core
