// The arithmetic of the mssql connector on samples made by hand: what each value is, and when there is none.
#include "prober/connectors/mssql/mssql_values.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "prober/connectors/mssql/mssql_batch.h"
#include "prober/connectors/mssql/mssql_benign_waits.h"

namespace vitals::prober {
namespace {

using std::chrono::minutes;

constexpr std::int64_t minute_ms = 60'000;

MssqlSample sample(std::int64_t ticks = 1'000'000) {
    MssqlSample made;
    made.server.emplace();
    made.server->may_view_state = true;
    made.clock = core::SampleClock{{120'000, 7}, ticks};
    made.cpu_count = 4;
    made.process_kernel_ms = 1'000;
    made.process_user_ms = 9'000;
    made.memory_total = 1'000;
    made.memory_available = 400;
    made.user_connections = 5;
    made.processes_blocked = 0;
    made.batch_requests = 100;
    made.page_life_expectancy_s = 300;
    made.waits = core::make_counter_set({{"LCK_M_S", 10}, {"WRITELOG", 20}});
    made.file_reads = core::make_counter_set({{"1:1", 100}, {"5:1", 200}});
    made.file_writes = core::make_counter_set({{"1:1", 10}, {"5:1", 20}});
    return made;
}

MssqlSample a_minute_later() {
    MssqlSample later = sample(1'000'000 + minute_ms);
    later.process_kernel_ms = 1'000 + 12'000;
    later.process_user_ms = 9'000 + 108'000;
    later.batch_requests = 100 + 600;
    later.waits = core::make_counter_set({{"LCK_M_S", 15}, {"WRITELOG", 40}, {"NEW_WAIT", 7}});
    later.file_reads = core::make_counter_set({{"1:1", 160}, {"5:1", 320}});
    later.file_writes = core::make_counter_set({{"1:1", 10}, {"5:1", 26}});
    return later;
}

std::optional<double> value(MssqlMetric metric, const MssqlSample* before, const MssqlSample& now) {
    return compute_mssql_values(before, now, {metric}, minutes{15}).values.at(0).value;
}
std::optional<double> value(MssqlMetric metric, const MssqlSample& now) {
    return value(metric, nullptr, now);
}

const std::vector<MssqlMetric> rates{MssqlMetric::cpu_percent, MssqlMetric::batch_requests_sec,
                                     MssqlMetric::wait_time_ms, MssqlMetric::disk_io_reads,
                                     MssqlMetric::disk_io_writes};

void expect_no_rates(const MssqlSample& before, const MssqlSample& now) {
    for (const MssqlMetric metric : rates)
        EXPECT_FALSE(value(metric, &before, now)) << to_text(metric);
    EXPECT_FALSE(compute_mssql_values(&before, now, rates, minutes{15}).interval_ms);
}

TEST(MssqlValues, OfTwoSamples) {
    const MssqlSample before = sample();
    const MssqlSample now = a_minute_later();
    EXPECT_EQ(value(MssqlMetric::cpu_percent, &before, now), 50.0);
    EXPECT_EQ(value(MssqlMetric::batch_requests_sec, &before, now), 10.0);
    EXPECT_EQ(value(MssqlMetric::wait_time_ms, &before, now), 32.0);
    EXPECT_EQ(value(MssqlMetric::disk_io_reads, &before, now), 3.0);
    EXPECT_EQ(value(MssqlMetric::disk_io_writes, &before, now), 0.1);
    EXPECT_EQ(compute_mssql_values(&before, now, rates, minutes{15}).interval_ms, 60'000.0);
}

TEST(MssqlValues, OfOneSample) {
    EXPECT_EQ(value(MssqlMetric::memory_percent, sample()), 60.0);
    EXPECT_EQ(value(MssqlMetric::connection_count, sample()), 5.0);
    EXPECT_EQ(value(MssqlMetric::blocked_processes, sample()), 0.0);
    EXPECT_EQ(value(MssqlMetric::page_life_expectancy, sample()), 300.0);
    for (const MssqlMetric metric : rates)
        EXPECT_FALSE(value(metric, sample())) << to_text(metric);
}

TEST(MssqlValues, NoRatesAfterARestart) {
    const MssqlSample before = sample();
    MssqlSample now = a_minute_later();
    now.clock->epoch.start_ticks += 1;
    expect_no_rates(before, now);
    now = a_minute_later();
    now.clock->epoch.start_time += 1;
    expect_no_rates(before, now);
}

TEST(MssqlValues, NoRatesWhenTheClockJumpsBackOrStands) {
    expect_no_rates(sample(2'000'000), sample(2'000'000));
    expect_no_rates(sample(2'000'000), sample(1'999'999));
    expect_no_rates(sample(), sample(-5));
}

TEST(MssqlValues, NoRatesOverAGap) {
    const MssqlSample before = sample();
    MssqlSample now = a_minute_later();
    now.clock->ticks_ms = before.clock->ticks_ms + 15 * minute_ms;
    EXPECT_TRUE(value(MssqlMetric::batch_requests_sec, &before, now));
    ++now.clock->ticks_ms;
    expect_no_rates(before, now);
}

TEST(MssqlValues, NoRatesWithoutAClock) {
    MssqlSample now = a_minute_later();
    now.clock.reset();
    expect_no_rates(sample(), now);
    MssqlSample before = sample();
    before.clock.reset();
    expect_no_rates(before, a_minute_later());
}

// One counter that was cleared does not cost the others.
TEST(MssqlValues, ACounterThatWentDownHasNoRate) {
    const MssqlSample before = sample();
    MssqlSample now = a_minute_later();
    now.batch_requests = 99;
    EXPECT_FALSE(value(MssqlMetric::batch_requests_sec, &before, now));
    EXPECT_TRUE(value(MssqlMetric::cpu_percent, &before, now));
    now.waits = core::make_counter_set({{"LCK_M_S", 2}, {"WRITELOG", 30}});
    EXPECT_FALSE(value(MssqlMetric::wait_time_ms, &before, now)) << "DBCC SQLPERF clears all wait types at once";
    now.process_user_ms = 8'999;
    EXPECT_FALSE(value(MssqlMetric::cpu_percent, &before, now));
}

// Files live on their own: a database that was restored begins at zero, one that is gone is left out.
TEST(MssqlValues, FilesWithoutPredecessorAreLeftOut) {
    const MssqlSample before = sample();
    MssqlSample now = a_minute_later();
    now.file_reads = core::make_counter_set({{"1:1", 160}, {"5:1", 3}, {"6:1", 1'000'000}});
    EXPECT_EQ(value(MssqlMetric::disk_io_reads, &before, now), 1.0);
    now.file_reads = core::make_counter_set({{"6:1", 1'000'000}});
    EXPECT_FALSE(value(MssqlMetric::disk_io_reads, &before, now));
}

TEST(MssqlValues, NoPermissionMeansUnknownNotZero) {
    MssqlSample now = sample();
    now.server->may_view_state = false;
    EXPECT_FALSE(value(MssqlMetric::connection_count, now));
    EXPECT_FALSE(value(MssqlMetric::blocked_processes, now));
    now.server.reset();
    EXPECT_FALSE(value(MssqlMetric::connection_count, now));
}

TEST(MssqlValues, HostileNumbersGiveNothing) {
    MssqlSample now = sample();
    now.memory_available = 1'001;
    EXPECT_FALSE(value(MssqlMetric::memory_percent, now));
    now.memory_available = -1;
    EXPECT_FALSE(value(MssqlMetric::memory_percent, now));
    now.memory_total = 0;
    EXPECT_FALSE(value(MssqlMetric::memory_percent, now));
    now.user_connections = -1;
    EXPECT_FALSE(value(MssqlMetric::connection_count, now));
    now.page_life_expectancy_s = -1;
    EXPECT_FALSE(value(MssqlMetric::page_life_expectancy, now));
    const MssqlSample before = sample();
    now = a_minute_later();
    now.cpu_count = 0;
    EXPECT_FALSE(value(MssqlMetric::cpu_percent, &before, now));
    now.cpu_count = 4;
    now.process_user_ms = INT64_MAX;
    now.process_kernel_ms = INT64_MAX;
    EXPECT_EQ(value(MssqlMetric::cpu_percent, &before, now), 100.0);
}

TEST(MssqlValues, RingBufferWhereTheProcessTimesAreNotKept) {
    MssqlSample before = sample();
    before.process_kernel_ms = before.process_user_ms = 0;
    MssqlSample now = a_minute_later();
    now.process_kernel_ms = now.process_user_ms = 0;
    EXPECT_TRUE(lacks_process_cpu(&before, now));
    EXPECT_FALSE(value(MssqlMetric::cpu_percent, &before, now));
    now.recorded_cpu_percent = 38;
    EXPECT_EQ(value(MssqlMetric::cpu_percent, nullptr, now), 38.0);
    EXPECT_FALSE(lacks_process_cpu(nullptr, sample()));
}

// An idle minute must not put the coarser record in the place of the exact times for ever.
TEST(MssqlValues, ProcessTimesThatMoveWinOverTheRingBuffer) {
    const MssqlSample before = sample();
    MssqlSample now = a_minute_later();
    now.recorded_cpu_percent = 38;
    EXPECT_EQ(value(MssqlMetric::cpu_percent, &before, now), 50.0);
    EXPECT_FALSE(lacks_process_cpu(&before, now));
    now.process_kernel_ms = before.process_kernel_ms;
    now.process_user_ms = before.process_user_ms;
    EXPECT_TRUE(lacks_process_cpu(&before, now));
    EXPECT_EQ(value(MssqlMetric::cpu_percent, &before, now), 38.0);
    now.recorded_cpu_percent.reset();
    EXPECT_EQ(value(MssqlMetric::cpu_percent, &before, now), 0.0);
}

// From result sets as they come over the wire.
class MssqlReadSample : public testing::Test {
  protected:
    static ResultSet sysinfo(std::int64_t ticks) {
        return {{"sysinfo", "cpu_count", "sqlserver_start_time_ms_ticks", "sqlserver_start_time",
                 "process_kernel_time_ms", "process_user_time_ms"},
                {{Cell{ticks}, Cell{std::int64_t{8}}, Cell{std::int64_t{120}}, Cell{std::int64_t{5}},
                  Cell{std::int64_t{1}}, Cell{std::int64_t{2}}}}};
    }
    static ResultSet ring_buffer(std::vector<Row> rows) { return {{"cpu_history", "record"}, std::move(rows)}; }
    static std::string record(const std::string& percent) {
        return "<Record><SystemHealth><ProcessUtilization>" + percent + "</ProcessUtilization></SystemHealth></Record>";
    }
};

TEST_F(MssqlReadSample, CountersByObjectAndName) {
    const ResultSet counters{{"counters", "counter_name", "cntr_value"},
                             {{Cell{"MSSQL$X:General Statistics"}, Cell{"user connections"}, Cell{std::int64_t{3}}},
                              {Cell{"SQLServer:Other Object"}, Cell{"User Connections"}, Cell{std::int64_t{99}}},
                              {Cell{"SQLServer:Buffer Node"}, Cell{"Page life expectancy"}, Cell{std::int64_t{98}}},
                              {Cell{"SQLServer:Buffer Manager"}, Cell{"Page life expectancy"}, Cell{std::int64_t{4}}},
                              {Cell{"SQLServer:SQL Statistics"}, Cell{"Batch Requests/sec"}, Cell{"text"}}}};
    const MssqlSample sample = read_mssql_sample({counters});
    EXPECT_EQ(sample.user_connections, 3);
    EXPECT_EQ(sample.page_life_expectancy_s, 4);
    EXPECT_FALSE(sample.batch_requests) << "not a number";
    EXPECT_FALSE(sample.clock);
}

TEST_F(MssqlReadSample, BenignWaitsAreLeftOut) {
    const ResultSet waits{{"waits", "wait_time_ms"},
                          {{Cell{"LAZYWRITER_SLEEP"}, Cell{std::int64_t{1000}}},
                           {Cell{"WRITELOG"}, Cell{std::int64_t{5}}},
                           {Cell{}, Cell{std::int64_t{5}}}}};
    const MssqlSample sample = read_mssql_sample({waits});
    ASSERT_TRUE(sample.waits);
    ASSERT_EQ(sample.waits->size(), 1U);
    EXPECT_EQ(sample.waits->front().key, "WRITELOG");
}

// The list is the one that wait-types.json gives by the rule in mssql_benign_waits.h.
TEST(MssqlBenignWaits, FollowTheFixture) {
    std::ifstream file(VITALS_FIXTURES "/wait-types.json");
    const auto types = nlohmann::json::parse(file);
    ASSERT_GT(types.size(), 500U);
    for (const auto& type : types) {
        const auto name = type.at("wait_type").get<std::string>();
        EXPECT_EQ(is_benign_wait(name), type.at("ignored_by").size() >= 2 || name == "CXCONSUMER") << name;
    }
    EXPECT_FALSE(is_benign_wait(""));
    EXPECT_FALSE(is_benign_wait("BRAND_NEW_WAIT_2027"));
}

// The ids of a dropped database are given to the next one.
TEST_F(MssqlReadSample, FilesOfAnotherDatabaseWithTheSameId) {
    const auto files = [](const char* name, std::int64_t created) {
        return ResultSet{{"files", "file_id", "num_of_reads", "num_of_writes", "name", "create_date"},
                         {{Cell{std::int64_t{5}}, Cell{std::int64_t{1}}, Cell{std::int64_t{10}}, Cell{std::int64_t{20}},
                           Cell{name}, Cell{created}}}};
    };
    const auto key = [&](const char* name, std::int64_t created) {
        return read_mssql_sample({files(name, created)}).file_reads.value().at(0).key;
    };
    EXPECT_EQ(key("a", 1), key("a", 1));
    EXPECT_NE(key("a", 1), key("b", 1));
    EXPECT_NE(key("a", 1), key("a", 2));
}

TEST_F(MssqlReadSample, NewestUsableRecordOfTheRingBuffer) {
    const auto percent = [&](std::vector<Row> rows) {
        return read_mssql_sample({sysinfo(1'000'000), ring_buffer(std::move(rows))}).recorded_cpu_percent;
    };
    const Cell now{std::int64_t{990'000}};
    const Cell before{std::int64_t{930'000}};
    EXPECT_EQ(percent({{before, Cell{record("10")}}, {now, Cell{record("20")}}}), 20.0);
    EXPECT_EQ(percent({{now, Cell{"<Record>no health</Record>"}}, {before, Cell{record("10")}}}), 10.0);
    EXPECT_EQ(percent({{now, Cell{record("250")}}}), 100.0) << "several memory nodes";
    EXPECT_FALSE(percent({{now, Cell{record("x")}}}));
    EXPECT_FALSE(percent({{now, Cell{"<ProcessUtilization>5"}}}));
    EXPECT_FALSE(percent({{Cell{std::int64_t{800'000}}, Cell{record("10")}}})) << "too old";
    EXPECT_FALSE(percent({{Cell{std::int64_t{2'000'000}}, Cell{record("10")}}})) << "from the future";
}

TEST_F(MssqlReadSample, StrangeSetsGiveNothing) {
    const MssqlSample sample =
        read_mssql_sample({ResultSet{}, ResultSet{{"sysinfo"}, {}}, ResultSet{{"unknown"}, {{Cell{std::int64_t{1}}}}},
                           ResultSet{{"memory"}, {{}}}, ResultSet{{"files", "file_id"}, {{Cell{"x"}, Cell{"y"}}}}});
    EXPECT_FALSE(sample.server);
    EXPECT_FALSE(sample.clock);
    EXPECT_FALSE(sample.memory_total);
    EXPECT_TRUE(!sample.file_reads || sample.file_reads->empty());
}

TEST(MssqlServerVersion, MajorNumber) {
    MssqlServer server;
    EXPECT_EQ(server.major_version(), 0);
    server.version = "16.0.4105.2";
    EXPECT_EQ(server.major_version(), 16);
    server.version = "x";
    EXPECT_EQ(server.major_version(), 0);
}

TEST(MssqlMetrics, GroupsThatAreNeeded) {
    using Groups = std::vector<MssqlGroup>;
    EXPECT_EQ(groups_for({MssqlMetric::memory_percent}, false),
              (Groups{MssqlGroup::server, MssqlGroup::sysinfo, MssqlGroup::memory}));
    EXPECT_EQ(groups_for({MssqlMetric::disk_io_writes, MssqlMetric::disk_io_reads}, false),
              (Groups{MssqlGroup::server, MssqlGroup::sysinfo, MssqlGroup::files}));
    EXPECT_EQ(groups_for({MssqlMetric::cpu_percent}, true),
              (Groups{MssqlGroup::server, MssqlGroup::sysinfo, MssqlGroup::cpu_history}));
    EXPECT_EQ(groups_for({MssqlMetric::memory_percent}, true),
              (Groups{MssqlGroup::server, MssqlGroup::sysinfo, MssqlGroup::memory}));
    const std::string batch = poll_batch(groups_for({MssqlMetric::memory_percent}, false));
    EXPECT_EQ(batch.find("dm_os_wait_stats"), std::string::npos);
    EXPECT_NE(batch.find("dm_os_sys_memory"), std::string::npos);
}

TEST(MssqlMetrics, SelectedByName) {
    EXPECT_EQ(select_mssql_metrics({}).size(), mssql_metric_names.size());
    EXPECT_EQ(select_mssql_metrics({"wait_time_ms", "cpu_percent", "if_in_octets"}),
              (std::vector<MssqlMetric>{MssqlMetric::cpu_percent, MssqlMetric::wait_time_ms}));
    EXPECT_TRUE(select_mssql_metrics({"if_in_octets"}).empty());
}

}  // namespace
}  // namespace vitals::prober
