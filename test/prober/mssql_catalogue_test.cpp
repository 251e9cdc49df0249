// The built-in groups against the simulated servers: every value that the fixture computes by hand, every rule for when
// a difference means nothing, and every kind of server there is.
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mssql_test_support.h"

namespace vitals::prober {
namespace {

// What the fixture expects, and where it is found.
struct Expected {
    const char* fixture;
    const char* metric;
    const char* instance = "";
};

constexpr Expected expected[]{
    {"cpu_percent (process, from dm_os_sys_info)", "cpu_percent"},
    {"cpu_percent (ring buffer, SQL)", "cpu_sql_percent"},
    {"cpu_other_percent", "cpu_other_percent"},
    {"cpu_host_percent", "cpu_host_percent"},
    {"ring_buffer_age_s", "ring_buffer_age_s"},
    {"memory_percent (host)", "memory_percent"},
    {"sql_memory_percent", "sql_memory_percent"},
    {"server_memory_of_target_percent", "server_memory_of_target_percent"},
    {"connection_count", "connection_count"},
    {"batch_requests_sec", "batch_requests_sec"},
    {"compilations_sec", "compilations_sec"},
    {"page_life_expectancy", "page_life_expectancy"},
    {"buffer_cache_hit_ratio", "buffer_cache_hit_ratio"},
    {"worktables_from_cache_ratio", "worktables_from_cache_ratio"},
    {"avg_latch_wait_ms", "avg_latch_wait_ms"},
    {"avg_lock_wait_ms _Total", "avg_lock_wait_ms"},
    {"update_conflict_ratio", "update_conflict_ratio"},
    {"deadlocks (interval)", "deadlocks"},
    {"blocked_processes", "blocked_processes"},
    {"memory_grants_pending", "memory_grants_pending"},
    {"log_growths SalesDB (interval)", "log_growths", "SalesDB"},
    {"log_used_percent SalesDB", "log_used_percent", "SalesDB"},
    {"disk_io_reads", "disk_io_reads"},
    {"disk_io_writes", "disk_io_writes"},
    {"disk_read_bytes_sec", "disk_io_read_bytes_sec"},
    {"disk_write_bytes_sec", "disk_io_write_bytes_sec"},
    {"disk_read_latency_ms (all files)", "disk_read_latency_ms"},
    {"disk_write_latency_ms (all files)", "disk_write_latency_ms"},
    {"disk_read_latency_ms Warehouse file 1", "file_read_latency_ms", "Warehouse/WH_data1"},
    {"disk_write_latency_ms SalesDB log", "file_write_latency_ms", "SalesDB/Sales_log"},
    {"wait_time_ms (interval, non benign)", "wait_time_ms"},
    {"wait_time_ms_per_s", "wait_time_ms_per_s"},
    {"signal_wait_ms (interval, non benign)", "signal_wait_ms"},
    {"volume_free_percent D:\\", "volume_free_percent", "D:\\"},
    {"volume_free_percent T:\\", "volume_free_percent", "T:\\"},
    {"tempdb_used_percent", "tempdb_used_percent"},
    {"log_backup_age_s SalesDB", "log_backup_age_s", "SalesDB"},
    {"failed_jobs_last_run", "failed_jobs_last_run"},
    {"ag_unhealthy_replicas", "ag_unhealthy_replicas"},
    {"ag_secondary_lag_s", "ag_secondary_lag_s"},
    {"databases_not_online", "databases_not_online"},
    {"runnable_tasks", "runnable_tasks"},
};

nlohmann::json fixture_metrics() {
    std::ifstream file(VITALS_FIXTURES "/mssql-fixture.json");
    nlohmann::json metrics;
    const auto fixture = nlohmann::json::parse(file);
    for (const auto& metric : fixture.at("expected").at("metrics"))
        metrics[metric.at("metric").get<std::string>()] = metric;
    return metrics;
}

std::string states_but_ok(const core::Result& result) {
    std::string text;
    for (const auto& group : result.groups) {
        if (group.state != core::GroupState::ok) text += group.name + ": " + state_of(result, group.name) + "\n";
    }
    return text;
}

class MssqlCatalogue : public testing::Test {
  protected:
    void start(const std::vector<std::string>& flags = {}) {
        servers_ = std::make_unique<SimulatedServers>(flags);
        job_ = servers_->job();
        job_.deadline = ample_deadline;
        job_.interval = std::chrono::seconds(60);
    }
    core::Result poll() { return poller_.poll(job_); }
    void advance_a_minute() { servers_->control({{"advance_ms", 60'000}}); }

    std::unique_ptr<SimulatedServers> servers_;
    Poller poller_{builtin_definitions()};
    core::Job job_;
};

TEST_F(MssqlCatalogue, GivesTheValuesThatTheFixtureExpects) {
    start({"--replay", "steps"});
    const auto metrics = fixture_metrics();
    for (const char* moment : {"poll1", "poll2"}) {
        const core::Result result = poll();
        EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result) << states_but_ok(result);
        EXPECT_LE(result.round_trips, 2U) << states_but_ok(result);
        for (const Expected& one : expected) {
            const auto& wanted = metrics.at(one.fixture).at(moment);
            // A row that is not there and one without a value are the same to those who look for it.
            std::optional<double> value;
            for (const core::Value& found : result.values) {
                if (found.metric == one.metric && found.instance == one.instance) value = found.value;
            }
            ASSERT_EQ(value.has_value(), !wanted.is_null()) << one.metric << " in " << moment;
            if (!value) continue;
            EXPECT_NEAR(*value, wanted.get<double>(), 1e-6) << one.metric << " in " << moment;
        }
    }
}

TEST_F(MssqlCatalogue, GivesWaitsByCategoryAndType) {
    start({"--replay", "steps"});
    const core::Result first = poll();
    EXPECT_TRUE(std::none_of(first.values.begin(), first.values.end(), [](const core::Value& value) {
        return value.instance == "BRAND_NEW_WAIT_2027";
    })) << "types that did not occur have no row";
    const core::Result result = poll();
    const auto metrics = fixture_metrics();
    for (const auto& [category, ms] : metrics.at("wait_ms by category (interval)").at("poll2").items())
        EXPECT_EQ(value_of(result, "wait_category_ms", category), ms.get<double>()) << category;
    EXPECT_EQ(value_of(result, "wait_type_ms", "BRAND_NEW_WAIT_2027"), 90) << "a new type counts from zero";
    EXPECT_EQ(value_of(result, "wait_type_tasks", "BRAND_NEW_WAIT_2027"), 3);
}

TEST_F(MssqlCatalogue, AsksOnceAPollAndStaysSmall) {
    start({"--replay", "steps"});
    poll();
    // A cycle in which no slow group is due.
    job_.groups.emplace();
    const Definitions definitions = builtin_definitions();
    for (const auto& [name, group] : *definitions) {
        if (group.every == 1) job_.groups->push_back(name);
    }
    // As it is, to be prepared, by its handle.
    poll();
    poll();
    const core::Result result = poll();
    EXPECT_EQ(result.round_trips, 1U);
    EXPECT_EQ(result.login_ms, 0);
    EXPECT_LE(result.bytes, 40'000U);
    RecordProperty("bytes", static_cast<int>(result.bytes));
    RecordProperty("values", static_cast<int>(result.values.size()));
}

// --- 3.1: when a difference means nothing ---

const std::vector<std::string> differences{"cpu_percent",   "batch_requests_sec",  "wait_time_ms",
                                           "disk_io_reads", "avg_latch_wait_ms",   "deadlocks",
                                           "wait_tasks",    "disk_read_latency_ms"};
const std::vector<std::string> gauges{"memory_percent", "connection_count", "page_life_expectancy", "runnable_tasks"};

void expect_no_differences(const core::Result& result, const char* why) {
    EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
    for (const std::string& metric : differences)
        EXPECT_FALSE(value_of(result, metric)) << metric << ": " << why;
    for (const std::string& metric : gauges)
        EXPECT_TRUE(value_of(result, metric)) << metric << ": " << why;
}

void expect_differences(const core::Result& result) {
    EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
    for (const char* metric : {"batch_requests_sec", "wait_time_ms", "disk_io_reads"})
        EXPECT_TRUE(value_of(result, metric)) << metric;
}

class MssqlRules : public MssqlCatalogue {
  protected:
    void SetUp() override {
        start({"--replay", "live"});
        expect_no_differences(poll(), "the first sample");
        advance_a_minute();
        expect_differences(poll());
        advance_a_minute();
    }
};

TEST_F(MssqlRules, Restart) {
    servers_->control({{"restart", true}});
    expect_no_differences(poll(), "another life of the service");
    advance_a_minute();
    expect_differences(poll());
}

TEST_F(MssqlRules, ClearedWaits) {
    servers_->control({{"clear_waits", true}});
    const core::Result result = poll();
    EXPECT_FALSE(value_of(result, "wait_time_ms"));
    EXPECT_FALSE(value_of(result, "wait_tasks"));
    EXPECT_TRUE(value_of(result, "batch_requests_sec")) << "the other counters went on";
    EXPECT_TRUE(value_of(result, "disk_io_reads"));
    advance_a_minute();
    expect_differences(poll());
}

TEST_F(MssqlRules, FilesOfOneDatabaseWereReset) {
    servers_->control({{"reset_files", "SalesDB"}});
    const core::Result result = poll();
    EXPECT_FALSE(value_of(result, "file_reads_sec", "SalesDB/Sales_data"));
    EXPECT_TRUE(value_of(result, "file_reads_sec", "Warehouse/WH_data1"));
    EXPECT_GE(value_of(result, "disk_io_reads"), 0) << "the sum goes on with the others";
    EXPECT_TRUE(value_of(result, "wait_time_ms"));
    advance_a_minute();
    EXPECT_TRUE(value_of(poll(), "file_reads_sec", "SalesDB/Sales_data"));
}

// Its counters are those of its whole life, which is longer than since the last poll where a database was attached.
TEST_F(MssqlRules, ANewFile) {
    servers_->control({{"missing_file", "WH_data1"}});
    poll();
    advance_a_minute();
    const double sum_without = value_of(poll(), "disk_io_reads").value_or(0);
    servers_->control({{"missing_file", ""}});
    advance_a_minute();
    const core::Result result = poll();
    EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
    EXPECT_FALSE(value_of(result, "file_reads_sec", "Warehouse/WH_data1"));
    EXPECT_FALSE(value_of(result, "file_read_latency_ms", "Warehouse/WH_data1"));
    EXPECT_TRUE(value_of(result, "file_reads_sec", "SalesDB/Sales_data"));
    EXPECT_NEAR(value_of(result, "disk_io_reads").value_or(0), sum_without, sum_without / 2)
        << "the sum goes on with the others";
    advance_a_minute();
    EXPECT_GT(value_of(poll(), "file_reads_sec", "Warehouse/WH_data1"), 0);
}

TEST_F(MssqlRules, Gap) {
    servers_->control({{"advance_ms", 16 * 60'000}});
    expect_no_differences(poll(), "too long ago");
    advance_a_minute();
    expect_differences(poll());
}

TEST_F(MssqlRules, SameTick) {
    servers_->control({{"freeze", true}});
    poll();
    expect_no_differences(poll(), "no time has passed");
    servers_->control({{"freeze", false}});
    advance_a_minute();
    expect_differences(poll());
}

TEST_F(MssqlRules, MissingPredecessorOfOneGroup) {
    servers_->control({{"view", "sys.dm_os_wait_stats"}, {"error", 1222}});
    core::Result result = poll();
    EXPECT_TRUE(state_of(result, "waits").starts_with("yielded")) << state_of(result, "waits");
    EXPECT_FALSE(value_of(result, "wait_time_ms"));
    EXPECT_TRUE(value_of(result, "batch_requests_sec"));
    servers_->control({{"view", ""}});
    advance_a_minute();
    result = poll();
    EXPECT_TRUE(value_of(result, "wait_time_ms")) << "over two minutes, by the clock of its own predecessor";
}

// --- one group is in trouble ---

TEST_F(MssqlCatalogue, AnErrorInOneViewCostsItsGroup) {
    start({"--replay", "live"});
    poll();
    servers_->control({{"view", "sys.dm_io_virtual_file_stats"}, {"error", 8134}});
    const core::Result result = poll();
    EXPECT_EQ(result.outcome, core::Outcome::partial);
    EXPECT_TRUE(state_of(result, "files").starts_with("failed server_error 8134")) << state_of(result, "files");
    EXPECT_FALSE(value_of(result, "disk_io_reads"));
    EXPECT_TRUE(value_of(result, "page_life_expectancy"));
    EXPECT_EQ(states_but_ok(result).find("waits"), std::string::npos) << states_but_ok(result);
    const auto failed = std::count_if(result.groups.begin(), result.groups.end(),
                                      [](const auto& group) { return group.state == core::GroupState::failed; });
    EXPECT_EQ(result.round_trips, 1U + static_cast<std::uint64_t>(failed)) << "each once more, alone";
}

TEST_F(MssqlCatalogue, ADisturbedGroupThatEndsTheBatchCostsItselfAlone) {
    start({"--replay", "live"});
    poll();
    for (const int number : {208, 1205}) {
        servers_->control({{"view", "sys.dm_os_schedulers"}, {"error", number}});
        const core::Result result = poll();
        EXPECT_EQ(states_but_ok(result).find("sessions"), std::string::npos) << states_but_ok(result);
        EXPECT_FALSE(value_of(result, "runnable_tasks"));
        EXPECT_TRUE(value_of(result, "page_life_expectancy"));
        EXPECT_TRUE(value_of(result, "memory_percent"));
    }
}

TEST_F(MssqlCatalogue, ASlowGroupIsCutOffAtItsTimeout) {
    start({"--replay", "live"});
    poll();
    // The group volumes has a timeout of 3 s.
    servers_->control({{"view", "sys.dm_os_volume_stats"}, {"delay_ms", 8'000}});
    core::Result result = poll();
    EXPECT_LT(poller_.took(), std::chrono::seconds(8));
    EXPECT_EQ(result.outcome, core::Outcome::partial);
    EXPECT_NE(states_but_ok(result).find("timeout of 3000 ms"), std::string::npos) << states_but_ok(result);
    EXPECT_TRUE(value_of(result, "page_life_expectancy"));
    EXPECT_TRUE(value_of(result, "failed_jobs_last_run"));
    // Not asked again at once: it would cost a login each time.
    result = poll();
    EXPECT_TRUE(state_of(result, "volumes").starts_with("failed timeout")) << state_of(result, "volumes");
    EXPECT_LT(poller_.took(), std::chrono::seconds(3));
}

TEST_F(MssqlCatalogue, NoRightInMsdbCostsWhatNeedsIt) {
    start({"--replay", "live", "--profile", "msdb=false"});
    const core::Result result = poll();
    EXPECT_EQ(result.outcome, core::Outcome::partial);
    EXPECT_TRUE(state_of(result, "backups").starts_with("denied permission 229")) << state_of(result, "backups");
    EXPECT_TRUE(state_of(result, "agent_jobs").starts_with("denied permission 229")) << state_of(result, "agent_jobs");
    EXPECT_TRUE(value_of(result, "page_life_expectancy"));
    EXPECT_EQ(poll().round_trips, 1U) << "remembered";
}

// Without the permission the server shows a login its own session alone: one that is counted would be wrong.
TEST_F(MssqlCatalogue, WithoutViewServerStateNothingIsZero) {
    start({"--replay", "live", "--deny-view-state"});
    poll();
    const core::Result result = poll();
    EXPECT_EQ(class_of(result), "permission");
    for (const std::string& metric : gauges)
        EXPECT_FALSE(value_of(result, metric)) << metric;
    EXPECT_FALSE(value_of(result, "user_sessions")) << "the own one";
    EXPECT_TRUE(value_of(result, "databases_not_online")) << "needs no permission";
}

// --- kinds of servers ---

class MssqlKinds : public MssqlCatalogue, public testing::WithParamInterface<std::vector<std::string>> {};

TEST_P(MssqlKinds, EveryGroupIsReadOrAbsent) {
    std::vector<std::string> flags{"--replay", "live"};
    for (const std::string& setting : GetParam())
        flags.insert(flags.end(), {"--profile", setting});
    start(flags);
    poll();
    advance_a_minute();
    const core::Result result = poll();
    for (const auto& group : result.groups) {
        const bool expected_state = group.state == core::GroupState::ok || group.state == core::GroupState::absent;
        EXPECT_TRUE(expected_state) << group.name << ": " << state_of(result, group.name);
    }
    EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
    EXPECT_EQ(result.round_trips, 1U);
    EXPECT_TRUE(value_of(result, "connection_count"));
    EXPECT_TRUE(value_of(result, "batch_requests_sec"));
    EXPECT_TRUE(value_of(result, "wait_time_ms"));
    EXPECT_TRUE(value_of(result, "disk_io_reads"));
}

using Settings = std::vector<std::string>;

INSTANTIATE_TEST_SUITE_P(Mssql, MssqlKinds,
                         testing::Values(Settings{"version=2012"}, Settings{"version=2014", "edition=4"},
                                         Settings{"version=2016"}, Settings{"version=2017", "linux=true"},
                                         Settings{"version=2019"}, Settings{"version=2025"}, Settings{"instance=PROD"},
                                         Settings{"collation=Latin1_General_CS_AS"},
                                         Settings{"collation=Turkish_CI_AS"}, Settings{"collation=Latin1_General_BIN2"},
                                         Settings{"hadr=false"}, Settings{"hostile_names=true"},
                                         Settings{"wrong_types=true"}, Settings{"edition=8"}, Settings{"edition=5"}),
                         [](const auto& info) {
                             std::string name;
                             for (const char c : testing::PrintToString(info.param)) {
                                 if (std::isalnum(static_cast<unsigned char>(c)) != 0) name += c;
                             }
                             return name;
                         });

TEST_F(MssqlCatalogue, CountersThatWereNotLoadedAreNamed) {
    start({"--replay", "live", "--profile", "counters=false"});
    const core::Result result = poll();
    EXPECT_EQ(result.outcome, core::Outcome::partial);
    EXPECT_NE(state_of(result, "counters").find("no performance counters"), std::string::npos)
        << state_of(result, "counters");
    EXPECT_FALSE(value_of(result, "page_life_expectancy"));
    EXPECT_TRUE(value_of(result, "memory_percent"));
}

TEST_F(MssqlCatalogue, ARingBufferBeyondAHundredIsCut) {
    start({"--replay", "live", "--profile", "process_times=false", "--profile", "ring_buffer_over_100=true"});
    poll();
    advance_a_minute();
    const auto cpu = value_of(poll(), "cpu_percent");
    ASSERT_TRUE(cpu);
    EXPECT_LE(*cpu, 100);
}

}  // namespace
}  // namespace vitals::prober
