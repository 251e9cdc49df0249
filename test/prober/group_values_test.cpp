// The arithmetic of metric groups on result sets made by hand: what each value is, and when there is none.
#include "prober/groups/group_values.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "prober/groups/group_sample.h"

namespace vitals::prober {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Values = std::map<std::string, std::optional<double>>;  // "metric" or "metric[instance]"

Cell integer(std::int64_t value) {
    return value;
}

const Cell null;

// One group on one server: each poll gives a result set, and the values come of it and the one before.
class Group {
  public:
    explicit Group(const std::string& json) : group_(core::parse_metric_group(json)), plan_(wanted()) {}

    Values poll(const ResultSet& set, std::int64_t ticks, std::int64_t start = 1) {
        const GroupReading now = read_group(plan_, set);
        const core::SampleClock clock{{start, start}, ticks};
        std::vector<core::Value> values;
        std::optional<std::chrono::milliseconds> interval;
        if (sample_) interval = core::sample_interval(sample_->clock, clock, core::max_gap(seconds(60) * group_.every));
        append_group_values(plan_, sample_ ? &*sample_ : nullptr, now, interval, values);
        sample_ = keep_sample(plan_, now, clock);
        missing_ = now.missing;
        return by_name(values);
    }
    Values unknown() const {
        std::vector<core::Value> values;
        append_unknown_values(plan_, values);
        return by_name(values);
    }
    [[nodiscard]] const std::vector<std::string>& missing() const { return missing_; }
    [[nodiscard]] const GroupPlan& plan() const { return plan_; }

  private:
    core::WantedGroup wanted() const {
        core::WantedGroup wanted{&group_, {}};
        for (const auto& metric : group_.metrics)
            wanted.metrics.push_back(&metric);
        return wanted;
    }
    static Values by_name(const std::vector<core::Value>& values) {
        Values named;
        for (const auto& value : values) {
            const std::string name = value.instance.empty() ? value.metric : value.metric + "[" + value.instance + "]";
            named.emplace(name, value.value);
        }
        return named;
    }

    core::MetricGroup group_;
    GroupPlan plan_;
    std::optional<GroupSample> sample_;
    std::vector<std::string> missing_;
};

constexpr std::int64_t minute = 60'000;

// --- layout columns, one row ---

const char* const kinds = R"({"name":"g","variants":[{"sql":"x"}],"metrics":[
    {"name":"g","source":"a"}, {"name":"r","kind":"rate","source":"a"}, {"name":"d","kind":"delta","source":"a"},
    {"name":"ratio","kind":"ratio","source":"a","base":"b"},
    {"name":"avg","kind":"average","source":"a","base":"b","factor":0.5}]})";

ResultSet pair(Cell a, Cell b) {
    return {{"a", "b"}, {{std::move(a), std::move(b)}}};
}

TEST(GroupValues, EveryKind) {
    Group group(kinds);
    EXPECT_EQ(group.poll(pair(integer(30), integer(200)), 0),
              (Values{{"g", 30}, {"r", {}}, {"d", {}}, {"ratio", 15}, {"avg", {}}}));
    EXPECT_EQ(group.poll(pair(integer(90), integer(220)), minute),
              (Values{{"g", 90}, {"r", 1}, {"d", 60}, {"ratio", 100 * (90.0 / 220)}, {"avg", 1.5}}));
}

TEST(GroupValues, ABaseOfZeroGivesNothing) {
    Group group(kinds);
    EXPECT_FALSE(group.poll(pair(integer(30), integer(0)), 0).at("ratio"));
    const Values values = group.poll(pair(integer(31), integer(0)), minute);
    EXPECT_FALSE(values.at("ratio"));
    EXPECT_FALSE(values.at("avg")) << "the base did not change";
    EXPECT_EQ(values.at("d"), 1);
}

TEST(GroupValues, NoDifferencesAcrossARestart) {
    Group group(kinds);
    group.poll(pair(integer(30), integer(200)), 0, 1);
    const Values values = group.poll(pair(integer(90), integer(220)), minute, 2);
    EXPECT_EQ(values, (Values{{"g", 90}, {"r", {}}, {"d", {}}, {"ratio", 100 * (90.0 / 220)}, {"avg", {}}}));
    EXPECT_EQ(group.poll(pair(integer(96), integer(221)), 2 * minute, 2).at("d"), 6);
}

TEST(GroupValues, NoDifferencesWhenTheClockStandsGoesBackOrJumps) {
    for (const std::int64_t ticks : {std::int64_t{1'000'000}, std::int64_t{999'999}, 1'000'000 + 16 * minute}) {
        Group group(kinds);
        group.poll(pair(integer(30), integer(200)), 1'000'000);
        EXPECT_FALSE(group.poll(pair(integer(90), integer(220)), ticks).at("d")) << ticks;
    }
}

TEST(GroupValues, ASlowGroupMayHaveAnOlderPredecessor) {
    Group group(R"({"name":"g","every":20,"variants":[{"sql":"x"}],
        "metrics":[{"name":"d","kind":"delta","source":"a"}]})");
    group.poll({{"a"}, {{integer(1)}}}, 0);
    EXPECT_EQ(group.poll({{"a"}, {{integer(5)}}}, 20 * minute).at("d"), 4);
    EXPECT_FALSE(group.poll({{"a"}, {{integer(6)}}}, 81 * minute).at("d")) << "more than three of its own intervals";
}

TEST(GroupValues, AnyCounterThatWentDownIsTheEndOfThatLife) {
    Group group(kinds);
    group.poll(pair(integer(30), integer(200)), 0);
    EXPECT_EQ(group.poll(pair(integer(40), integer(199)), minute).at("d"), std::nullopt) << "the other one went down";
    EXPECT_EQ(group.poll(pair(integer(41), integer(200)), 2 * minute).at("d"), 1);
    EXPECT_FALSE(group.poll(pair(integer(-5), integer(201)), 3 * minute).at("d"));
    EXPECT_FALSE(group.poll(pair(integer(5), integer(202)), 4 * minute).at("d")) << "negative counters are none";
}

TEST(GroupValues, StrangeTypesGiveNothing) {
    for (const Cell& odd : {null, Cell{"42"}, Cell{""}, Cell{std::numeric_limits<double>::infinity()}}) {
        Group group(kinds);
        group.poll(pair(integer(1), integer(1)), 0);
        const Values values = group.poll(pair(odd, integer(2)), minute);
        for (const auto& [name, value] : values)
            EXPECT_FALSE(value) << name;
        EXPECT_FALSE(group.poll(pair(integer(3), integer(3)), 2 * minute).at("d")) << "nothing is no predecessor";
    }
}

TEST(GroupValues, DecimalsCountAsNumbers) {
    Group group(kinds);
    group.poll(pair(Cell{1.25}, integer(1)), 0);
    EXPECT_EQ(group.poll(pair(Cell{3.5}, integer(3)), minute).at("d"), 2.25);
    EXPECT_EQ(group.poll(pair(integer(4), integer(3)), 2 * minute).at("d"), 0.5) << "also where the type changed";
}

TEST(GroupValues, LargeCountersAreExact) {
    Group group(kinds);
    group.poll(pair(integer(INT64_MAX - 7), integer(1)), 0);
    EXPECT_EQ(group.poll(pair(integer(INT64_MAX), integer(1)), minute).at("d"), 7);
}

TEST(GroupValues, AnEmptyResultGivesNothing) {
    Group group(kinds);
    EXPECT_EQ(group.poll({{"a", "b"}, {}}, 0), (Values{{"g", {}}, {"r", {}}, {"d", {}}, {"ratio", {}}, {"avg", {}}}));
    EXPECT_EQ(group.unknown(), (Values{{"g", {}}, {"r", {}}, {"d", {}}, {"ratio", {}}, {"avg", {}}}));
    EXPECT_EQ(group.poll({{"A", "x"}, {{integer(7), integer(8)}}}, minute).at("g"), 7) << "letter case does not matter";
    EXPECT_EQ(group.missing(), std::vector<std::string>({"b", "b"}));
    EXPECT_EQ(group.poll({{}, {{}}}, 2 * minute).at("g"), std::nullopt);
}

// --- many rows ---

const char* const files = R"({"name":"files","labels":["database","file"],"key":["created"],
    "variants":[{"sql":"x"}],"metrics":[
    {"name":"reads","kind":"rate","source":"reads","over":"sum"},
    {"name":"writes","kind":"delta","source":"writes","over":"sum"},
    {"name":"latency","kind":"average","source":"stall","base":"reads","over":"sum"},
    {"name":"file_reads","kind":"delta","source":"reads"},
    {"name":"size","source":"size","over":"max"}, {"name":"smallest","source":"size","over":"min"},
    {"name":"files","over":"count"}, {"name":"sized","source":"size","over":"count"}]})";

Row file(const char* database, const char* name, std::int64_t created, std::int64_t reads, std::int64_t writes,
         std::int64_t stall, Cell size) {
    return {Cell{database},  Cell{name},     integer(created), integer(reads),
            integer(writes), integer(stall), std::move(size)};
}

ResultSet file_set(std::vector<Row> rows) {
    return {{"database", "file", "created", "reads", "writes", "stall", "size"}, std::move(rows)};
}

TEST(GroupValues, SumsOverRows) {
    Group group(files);
    group.poll(file_set({file("a", "1", 1, 100, 10, 1'000, integer(5)), file("b", "1", 1, 200, 20, 0, null)}), 0);
    const Values values = group.poll(
        file_set({file("b", "1", 1, 320, 26, 0, null), file("a", "1", 1, 160, 10, 2'800, integer(6))}), minute);
    EXPECT_EQ(values.at("reads"), 3);
    EXPECT_EQ(values.at("writes"), 6);
    EXPECT_EQ(values.at("latency"), 10);
    EXPECT_EQ(values.at("file_reads[a/1]"), 60);
    EXPECT_EQ(values.at("file_reads[b/1]"), 120);
    EXPECT_EQ(values.at("size"), 6);
    EXPECT_EQ(values.at("smallest"), 6);
    EXPECT_EQ(values.at("files"), 2);
    EXPECT_EQ(values.at("sized"), 1) << "rows where it is not NULL";
}

TEST(GroupValues, FilesHaveALifeOfTheirOwn) {
    Group group(files);
    group.poll(file_set({file("a", "1", 1, 100, 10, 0, null), file("b", "1", 1, 200, 20, 0, null)}), 0);
    // Restored, and new.
    Values values = group.poll(file_set({file("a", "1", 1, 160, 12, 0, null), file("b", "1", 1, 3, 25, 0, null),
                                         file("c", "1", 1, 1'000'000, 5, 0, null)}),
                               minute);
    EXPECT_EQ(values.at("reads"), 1);
    EXPECT_EQ(values.at("writes"), 2) << "a file that was reset has no difference at all";
    EXPECT_EQ(values.at("file_reads[b/1]"), std::nullopt);
    EXPECT_EQ(values.at("file_reads[c/1]"), std::nullopt);
    // Another database of the same name, and no other.
    values = group.poll(file_set({file("a", "1", 2, 170, 13, 0, null)}), 2 * minute);
    EXPECT_EQ(values.at("reads"), std::nullopt) << "no file has a predecessor";
    EXPECT_EQ(values.at("file_reads[a/1]"), std::nullopt);
    EXPECT_EQ(values.at("files"), 1);
}

TEST(GroupValues, NoRowsCountAsZeroAndSumToNothing) {
    Group group(files);
    const Values values = group.poll(file_set({}), 0);
    EXPECT_EQ(values.at("files"), 0);
    EXPECT_EQ(values.at("reads"), std::nullopt);
    EXPECT_EQ(values.at("size"), std::nullopt);
    EXPECT_EQ(values.count("file_reads"), 0U) << "a metric with an instance a row has none without rows";
    EXPECT_EQ(group.unknown().count("file_reads"), 0U);
    EXPECT_EQ(group.unknown().count("reads"), 1U);
}

TEST(GroupValues, HostileLabels) {
    Group group(R"({"name":"g","labels":["a","b"],"variants":[{"sql":"x"}],
        "metrics":[{"name":"d","kind":"delta","source":"v"},{"name":"all","kind":"delta","source":"v","over":"sum"}]})");
    const auto set = [](std::int64_t plus) {
        return ResultSet{{"a", "b", "v"},
                         {{Cell{"x/y"}, Cell{"z"}, integer(1 + plus)},
                          {Cell{"x"}, Cell{"y/z"}, integer(100 + 2 * plus)},
                          {null, null, integer(5 + plus)},
                          {Cell{""}, Cell{""}, integer(6 + plus)},
                          {integer(7), Cell{"\n\x01'];--"}, integer(7 + plus)}}};
    };
    group.poll(set(0), 0);
    const Values values = group.poll(set(10), minute);
    EXPECT_EQ(values.at("all"), 60) << "rows whose instances read the same are not the same row";
    EXPECT_EQ(values.at("d[7/\n\x01'];--]"), 10);
}

TEST(GroupValues, RowsWithTheSameKey) {
    Group group(R"({"name":"g","labels":["a"],"variants":[{"sql":"x"}],"metrics":[
        {"name":"d","kind":"delta","source":"v"}, {"name":"all","kind":"delta","source":"v","over":"sum"},
        {"name":"g","source":"v"}, {"name":"sum","source":"v","over":"sum"}]})");
    const auto set = [](std::int64_t first, std::int64_t second) {
        return ResultSet{{"a", "v"},
                         {{Cell{"x"}, integer(first)}, {Cell{"x"}, integer(second)}, {Cell{"y"}, integer(1)}}};
    };
    group.poll(set(10, 100), 0);
    const Values values = group.poll(set(13, 104), minute);
    EXPECT_EQ(values.at("all"), 7);
    EXPECT_EQ(values.at("d[x]"), std::nullopt) << "whose difference it would be is not known";
    EXPECT_EQ(values.at("d[y]"), 0);
    EXPECT_EQ(values.at("g[x]"), 13) << "the first one";
    EXPECT_EQ(values.at("sum"), 118);
}

TEST(GroupValues, SumsWithoutALabelAreOneCounter) {
    Group group(R"({"name":"g","variants":[{"sql":"x"}],
        "metrics":[{"name":"all","kind":"delta","source":"v","over":"sum"}]})");
    group.poll({{"v"}, {{integer(1)}, {integer(2)}, {integer(3)}}}, 0);
    EXPECT_EQ(group.poll({{"v"}, {{integer(2)}, {integer(4)}, {integer(6)}}}, minute).at("all"), 6);
    EXPECT_FALSE(group.poll({{"v"}, {{integer(2)}, {integer(4)}}}, 2 * minute).at("all"));
    group.poll({{"v"}, {{integer(INT64_MAX)}, {integer(INT64_MAX)}}}, 3 * minute);
    EXPECT_FALSE(group.poll({{"v"}, {{integer(INT64_MAX)}, {integer(INT64_MAX)}}}, 4 * minute).at("all"));
}

TEST(GroupValues, WhatIsCutOffHasNoSum) {
    Group group(R"({"name":"g","row_limit":2,"labels":["a"],"variants":[{"sql":"x"}],"metrics":[
        {"name":"v","source":"v"}, {"name":"sum","source":"v","over":"sum"}, {"name":"rows","over":"count"},
        {"name":"max","source":"v","over":"max"}]})");
    ResultSet set{{"a", "v"}, {{Cell{"x"}, integer(1)}, {Cell{"y"}, integer(2)}}};
    EXPECT_EQ(group.poll(set, 0).at("sum"), 3);
    set.left_out = 5;
    const Values values = group.poll(set, minute);
    EXPECT_EQ(values.at("v[x]"), 1);
    EXPECT_EQ(values.at("rows"), 7);
    EXPECT_FALSE(values.at("sum"));
    EXPECT_FALSE(values.at("max"));
}

// --- waits: rows at zero are left out, all are cleared at once ---

const char* const waits = R"({"name":"waits","labels":["wait_type"],"new_rows":"from_zero",
    "categories":{"LCK_M_S":"Lock","LCK_M_X":"Lock","WRITELOG":"Tran Log IO","SLEEP_TASK":"ignored"},
    "variants":[{"sql":"x"}],"metrics":[
    {"name":"total","kind":"delta","source":"ms","over":"sum","skip_ignored":true},
    {"name":"everything","kind":"delta","source":"ms","over":"sum"},
    {"name":"by","kind":"delta","source":"ms","over":"category","skip_ignored":true},
    {"name":"avg","kind":"average","source":"ms","base":"tasks","skip_ignored":true},
    {"name":"now","source":"ms","over":"sum"}]})";

Row wait(const char* type, std::int64_t tasks, std::int64_t ms) {
    return {Cell{type}, integer(tasks), integer(ms)};
}

ResultSet wait_set(std::vector<Row> rows) {
    return {{"wait_type", "tasks", "ms"}, std::move(rows)};
}

TEST(GroupValues, WaitsByCategory) {
    Group group(waits);
    group.poll(wait_set({wait("LCK_M_S", 1, 10), wait("WRITELOG", 2, 20), wait("SLEEP_TASK", 1, 1'000)}), 0);
    const Values values = group.poll(wait_set({wait("LCK_M_S", 2, 15), wait("LCK_M_X", 1, 4), wait("WRITELOG", 6, 40),
                                               wait("NEW_2027", 1, 7), wait("SLEEP_TASK", 9, 61'000)}),
                                     minute);
    EXPECT_EQ(values.at("total"), 36) << "a new type counts from zero";
    EXPECT_EQ(values.at("everything"), 60'036);
    EXPECT_EQ(values.at("by[Lock]"), 9);
    EXPECT_EQ(values.at("by[Tran Log IO]"), 20);
    EXPECT_EQ(values.at("by[Other]"), 7);
    EXPECT_EQ(values.count("by[ignored]"), 0U);
    EXPECT_EQ(values.at("avg[WRITELOG]"), 5);
    EXPECT_EQ(values.at("avg[LCK_M_X]"), 4);
    EXPECT_EQ(values.count("avg[SLEEP_TASK]"), 0U);
}

TEST(GroupValues, ClearedWaitsHaveNoDifference) {
    const auto poll = [](const ResultSet& second) {
        Group group(waits);
        group.poll(wait_set({wait("LCK_M_S", 1, 10), wait("WRITELOG", 2, 20)}), 0);
        return group.poll(second, minute);
    };
    for (const auto& second :
         {wait_set({wait("LCK_M_S", 1, 2), wait("WRITELOG", 9, 90)}), wait_set({wait("WRITELOG", 9, 90)}),
          wait_set({wait("LCK_M_S", 0, 12), wait("WRITELOG", 9, 90)}), wait_set({})}) {
        const Values values = poll(second);
        EXPECT_FALSE(values.at("total"));
        EXPECT_EQ(values.count("by[Lock]"), 0U);
        const auto average = values.find("avg[WRITELOG]");
        EXPECT_TRUE(average == values.end() || !average->second) << "grown beyond what it was, yet cleared";
    }
    EXPECT_EQ(poll(wait_set({wait("LCK_M_S", 1, 10), wait("WRITELOG", 2, 20)})).at("total"), 0);
}

TEST(GroupValues, NothingHappenedYetIsZeroWhereZerosAreLeftOut) {
    Group group(waits);
    EXPECT_EQ(group.poll(wait_set({}), 0).at("now"), 0);
    EXPECT_FALSE(group.poll(wait_set({}), 0).at("total")) << "no time has passed";
    EXPECT_EQ(group.poll(wait_set({}), minute).at("total"), 0);
    EXPECT_EQ(group.poll(wait_set({wait("LCK_M_S", 1, 10)}), 2 * minute).at("total"), 10);
}

// --- layout rows: performance counters ---

const char* const counters = R"j({"name":"counters","layout":"rows","variants":[{"sql":"x"}],"metrics":[
    {"name":"ple","source":"Buffer Manager\\Page life expectancy"},
    {"name":"hits","kind":"ratio","source":"Buffer Manager\\Buffer cache hit ratio",
     "base":"Buffer Manager\\Buffer cache hit ratio base"},
    {"name":"lock_wait","kind":"average","source":"Locks\\Average Wait Time (ms)",
     "base":"Locks\\Average Wait Time Base","instance":"_Total"},
    {"name":"deadlocks","kind":"delta","source":"Locks\\Number of Deadlocks/sec","instance":"_Total"},
    {"name":"growths","kind":"delta","source":"Databases\\Log Growths","instance":"*"},
    {"name":"all_growths","kind":"delta","source":"Databases\\Log Growths","instance":"*","over":"sum"},
    {"name":"log_used","kind":"ratio","source":"Databases\\Used","base":"Databases\\Size","instance":"*","over":"max"}]})j";

Row counter(const char* object, const char* name, const char* instance, Cell value) {
    return {Cell{object}, Cell{name}, Cell{instance}, std::move(value)};
}

ResultSet counter_set(std::vector<Row> rows) {
    return {{"object_name", "counter_name", "instance_name", "cntr_value"}, std::move(rows)};
}

std::vector<Row> counter_rows(std::int64_t plus) {
    return {
        counter("MSSQL$X:Buffer Manager", "page life expectancy  ", "", integer(300)),
        counter("MSSQL$X:Buffer Node", "Page life expectancy", "000", integer(99)),
        counter("SQLServer:Buffer Manager", "Buffer cache hit ratio", "", integer(999)),
        counter("SQLServer:Buffer Manager", "Buffer cache hit ratio BASE", "", integer(1000)),
        counter("SQLServer:Locks", "Average Wait Time (ms)", "_Total", integer(120'000 + 300 * plus)),
        counter("SQLServer:Locks", "Average Wait Time Base", "_Total", integer(800 + plus)),
        counter("SQLServer:Locks", "Number of Deadlocks/sec", "_TOTAL", integer(17 + plus)),
        counter("SQLServer:Locks", "Number of Deadlocks/sec", "Key", integer(5)),
        counter("SQLServer:Databases", "Log Growths", "a", integer(4 + plus)),
        counter("SQLServer:Databases", "Log Growths", "b.c", integer(7)),
        counter("SQLServer:Databases", "Log Growths", "_Total", integer(11 + plus)),
        counter("SQLServer:Databases", "Size", "a", integer(200)),
        counter("SQLServer:Databases", "Used", "a", integer(50)),
        counter("SQLServer:Databases", "Size", "b.c", integer(0)),
        counter("SQLServer:Databases", "Used", "b.c", integer(1)),
    };
}

TEST(GroupValues, Counters) {
    Group group(counters);
    EXPECT_EQ(group.poll(counter_set(counter_rows(0)), 0), (Values{{"ple", 300},
                                                                   {"hits", 99.9},
                                                                   {"lock_wait", {}},
                                                                   {"deadlocks", {}},
                                                                   {"growths[a]", {}},
                                                                   {"growths[b.c]", {}},
                                                                   {"all_growths", {}},
                                                                   {"log_used", 25}}));
    EXPECT_EQ(group.poll(counter_set(counter_rows(2)), minute), (Values{{"ple", 300},
                                                                        {"hits", 99.9},
                                                                        {"lock_wait", 300},
                                                                        {"deadlocks", 2},
                                                                        {"growths[a]", 2},
                                                                        {"growths[b.c]", 0},
                                                                        {"all_growths", 2},
                                                                        {"log_used", 25}}));
}

TEST(GroupValues, CountersThatAreNotThere) {
    Group group(counters);
    const Values values =
        group.poll(counter_set({counter("SQLServer:Buffer Manager", "Page life expectancy", "", Cell{"3"})}), 0);
    EXPECT_EQ(
        values,
        (Values{
            {"ple", {}}, {"hits", {}}, {"lock_wait", {}}, {"deadlocks", {}}, {"all_growths", {}}, {"log_used", {}}}));
    auto rows = counter_rows(0);
    rows.push_back(counter("SQLServer:Buffer Manager", "Page life expectancy", "", integer(1)));
    EXPECT_EQ(group.poll(counter_set(rows), minute).at("ple"), 300) << "of two the first one counts";
}

TEST(GroupPlan, NamesTheSourcesOnce) {
    const Group group(counters);
    EXPECT_EQ(group.plan().source_names(),
              (std::vector<std::string>{"Page life expectancy", "Buffer cache hit ratio", "Buffer cache hit ratio base",
                                        "Average Wait Time (ms)", "Average Wait Time Base", "Number of Deadlocks/sec",
                                        "Log Growths", "Used", "Size"}));
}

TEST(GroupPlan, AnotherDefinitionHasAnotherLayout) {
    const auto layout = [](const std::string& sql, const std::string& source) {
        return Group(R"({"name":"g","variants":[{"sql":")" + sql +
                     R"("}],"metrics":[{"name":"m","kind":"rate","source":")" + source +
                     R"("},{"name":"n","source":"z"}]})")
            .plan()
            .layout();
    };
    EXPECT_EQ(layout("x", "a"), layout("x", "a"));
    EXPECT_NE(layout("x", "a"), layout("y", "a"));
    EXPECT_NE(layout("x", "a"), layout("x", "b"));
}

// --- what no report carries ---

TEST(GroupLimits, ALongInstanceIsCutAndMarked) {
    const core::MetricGroup group = core::parse_metric_group(
        R"({"name":"g","labels":["a","b"],"variants":[{"sql":"x"}],"metrics":[{"name":"m","kind":"delta","source":"v"}]})");
    const GroupPlan plan({&group, {group.metrics.data()}});
    std::string umlauts;
    for (int i = 0; i < 300; ++i)
        umlauts += "ä";
    const ResultSet set{{"a", "b", "v"},
                        {{Cell{std::string(4000, 'x')}, Cell{"1"}, integer(1)},
                         {Cell{std::string(4000, 'x')}, Cell{"2"}, integer(2)},
                         {Cell{umlauts}, Cell{"1"}, integer(3)},
                         {Cell{std::string(510, 'y')}, Cell{"1"}, integer(4)}}};
    const GroupReading now = read_group(plan, set);
    std::map<std::string, int> names;
    for (const ReadRow& row : now.rows) {
        EXPECT_LE(row.instance.size(), core::max_instance_name);
        EXPECT_FALSE(row.shared) << "the rows are told apart by all of their labels";
        EXPECT_EQ(++names[row.instance], 1) << "what begins the same is told apart";
        if (row.instance.ends_with("…")) ++names[row.instance.substr(0, 400)];
    }
    EXPECT_EQ(names[std::string(400, 'x')], 2);
    EXPECT_EQ(names[umlauts.substr(0, 400)], 1);
    EXPECT_EQ(names[std::string(510, 'y') + "/1"], 1) << "fits";
}

TEST(GroupLimits, ACounterHasTheSame) {
    const core::MetricGroup group = core::parse_metric_group(
        R"({"name":"g","layout":"rows","variants":[{"sql":"x"}],"metrics":[{"name":"m","source":"O\\C","instance":"*"}]})");
    const GroupPlan plan({&group, {group.metrics.data()}});
    const ResultSet set{{"object_name", "counter_name", "instance_name", "cntr_value"},
                        {{Cell{"O"}, Cell{"C"}, Cell{std::string(600, 'x')}, integer(1)}}};
    const GroupReading now = read_group(plan, set);
    ASSERT_EQ(now.rows.size(), 1U);
    EXPECT_EQ(now.rows[0].instance.size(), core::max_instance_name);
    EXPECT_TRUE(now.rows[0].instance.starts_with(std::string(400, 'x')));
    EXPECT_TRUE(now.rows[0].instance.ends_with("…"));
}

TEST(GroupLimits, NoMoreValuesThanAResultMayHave) {
    const core::MetricGroup group = core::parse_metric_group(
        R"({"name":"g","labels":["a"],"variants":[{"sql":"x"}],"metrics":[{"name":"m","source":"v"}]})");
    const GroupPlan plan({&group, {group.metrics.data()}});
    const GroupReading now =
        read_group(plan, {{"a", "v"}, {{Cell{"1"}, integer(1)}, {Cell{"2"}, integer(2)}, {Cell{"3"}, integer(3)}}});
    std::vector<core::Value> values(core::max_values - 3, core::Value{"other", "", std::nullopt});
    EXPECT_TRUE(append_group_values(plan, nullptr, now, std::nullopt, values));
    EXPECT_EQ(values.size(), core::max_values);
    values.resize(core::max_values - 2);
    EXPECT_FALSE(append_group_values(plan, nullptr, now, std::nullopt, values));
    EXPECT_EQ(values.size(), core::max_values);
}

}  // namespace
}  // namespace vitals::prober
