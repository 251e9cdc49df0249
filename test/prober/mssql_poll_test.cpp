// Polls against simulated servers that replay the fixture: the values, and when there must be none.
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "mssql_test_support.h"

namespace vitals::prober {
namespace {

const std::vector<std::string> rates{"cpu_percent", "batch_requests_sec", "wait_time_ms", "disk_io_reads",
                                     "disk_io_writes"};
const std::vector<std::string> gauges{"memory_percent", "connection_count", "page_life_expectancy",
                                      "blocked_processes"};

// Our names of what the fixture expects.
const std::map<std::string, std::string> expected_names{
    {"cpu_percent", "cpu_percent (process, from dm_os_sys_info)"},
    {"memory_percent", "memory_percent (host)"},
    {"connection_count", "connection_count"},
    {"batch_requests_sec", "batch_requests_sec"},
    {"page_life_expectancy", "page_life_expectancy"},
    {"blocked_processes", "blocked_processes"},
    {"wait_time_ms", "wait_time_ms (interval, non benign)"},
    {"disk_io_reads", "disk_io_reads"},
    {"disk_io_writes", "disk_io_writes"},
};

nlohmann::json expected_metric(const std::string& name) {
    std::ifstream file(VITALS_FIXTURES "/mssql-fixture.json");
    const auto fixture = nlohmann::json::parse(file);
    for (const auto& metric : fixture.at("expected").at("metrics")) {
        if (metric.at("metric").get<std::string>() == expected_names.at(name)) return metric;
    }
    ADD_FAILURE() << "the fixture expects nothing of " << name;
    return {};
}

class MssqlPoll : public testing::Test {
  protected:
    core::Job job() const {
        core::Job job = servers_.job();
        job.deadline = ample_deadline;
        job.metrics = nine_metrics;
        return job;
    }
    core::Result poll() { return poller_.poll(job()); }
    core::Job job_of_login(std::uint64_t login) const {
        core::Job numbered = job();
        numbered.login = login;
        return numbered;
    }
    core::Job without_password(std::uint64_t login) const {
        core::Job withheld = job_of_login(login);
        withheld.password = {};
        withheld.password_withheld = true;
        return withheld;
    }
    void expect_no_rates(const core::Result& result, const std::string& why) {
        EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
        EXPECT_FALSE(result.interval_ms) << why;
        for (const std::string& metric : rates)
            EXPECT_FALSE(value_of(result, metric)) << metric << ": " << why;
        for (const std::string& metric : gauges)
            EXPECT_TRUE(value_of(result, metric)) << metric << ": " << why;
    }

    SimulatedServers servers_;
    Poller poller_;
};

TEST_F(MssqlPoll, GivesTheExpectedValuesOfBothPolls) {
    for (const char* poll_name : {"poll1", "poll2"}) {
        const core::Result result = poll();
        ASSERT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
        ASSERT_EQ(result.values.size(), expected_names.size());
        for (const auto& [name, fixture_name] : expected_names) {
            const auto expected = expected_metric(name).at(poll_name);
            const auto value = value_of(result, name);
            ASSERT_EQ(value.has_value(), !expected.is_null()) << name << " in " << poll_name;
            if (!value) continue;
            EXPECT_NEAR(*value, expected.get<double>(), 1e-9) << name << " in " << poll_name;
        }
    }
}

TEST_F(MssqlPoll, TellsTheIntervalByTheServersClock) {
    EXPECT_FALSE(poll().interval_ms);
    EXPECT_EQ(poll().interval_ms, 60'000.0);
    EXPECT_EQ(poll().interval_ms, 60'000.0);
}

TEST_F(MssqlPoll, TellsWhatTheServerIs) {
    const auto facts = poll().facts;
    EXPECT_EQ(facts.at("version"), "16.0.4105.2");
    EXPECT_EQ(facts.at("edition"), "Enterprise Edition (64-bit)");
    EXPECT_EQ(facts.at("engine_edition"), "3");
    EXPECT_EQ(facts.at("encrypted"), "true");
    EXPECT_FALSE(facts.at("server_name").empty());
    EXPECT_FALSE(facts.at("clock_skew_ms").empty());
}

TEST_F(MssqlPoll, KeepsOneConnection) {
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(poll().outcome, core::Outcome::ok);
    EXPECT_EQ(servers_.count("connects"), 1U);
    EXPECT_EQ(servers_.count("logins"), 1U);
    EXPECT_EQ(servers_.count("batches"), 5U) << "one for the session, one for the version, one for each poll";
    EXPECT_EQ(servers_.stats().at("last_application"), "pg_vitals");
}

TEST_F(MssqlPoll, ConnectsAgainOnceWhenTheServerDroppedTheConnection) {
    poll();
    servers_.control({{"drop", true}});
    const core::Result result = poll();
    EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
    EXPECT_EQ(result.interval_ms, 60'000.0) << "the server was not restarted, so its counters go on";
    EXPECT_EQ(servers_.count("connects"), 2U);
}

TEST_F(MssqlPoll, HasNoRatesAfterARestartOfTheServer) {
    poll();
    poll();
    servers_.control({{"restart", true}});
    expect_no_rates(poll(), "first poll after the restart");
    EXPECT_EQ(servers_.count("connects"), 2U);
    EXPECT_EQ(value_of(poll(), "batch_requests_sec"), 1200.0);
}

TEST_F(MssqlPoll, HasNoRatesWhenTheServersClockStandsStill) {
    servers_.control({{"replay", "poll1"}});
    poll();
    expect_no_rates(poll(), "no time has passed");
}

TEST_F(MssqlPoll, AsksTheRingBufferWhenTheProcessTimesStandStill) {
    servers_.control({{"replay", "poll1"}});
    poll();
    EXPECT_FALSE(value_of(poll(), "cpu_percent"));
    EXPECT_EQ(value_of(poll(), "cpu_percent"), 38.0) << "newest record with SystemHealth";
    servers_.control({{"replay", "poll2"}});
    EXPECT_EQ(value_of(poll(), "cpu_percent"), 42.0) << "the process times move again";
}

TEST_F(MssqlPoll, HasNoRatesWhenTheServersClockGoesBack) {
    servers_.control({{"replay", "poll2"}});
    poll();
    servers_.control({{"replay", "poll1"}});
    expect_no_rates(poll(), "time went back");
    servers_.control({{"replay", "poll2"}});
    EXPECT_EQ(value_of(poll(), "batch_requests_sec"), 1200.0);
}

TEST_F(MssqlPoll, HasNoRatesOverALongGap) {
    poll();
    for (int minute = 0; minute < 16; ++minute) {
        // Somebody else's polls move the steps on.
        Poller other;
        other.poll(job());
    }
    expect_no_rates(poll(), "the predecessor is 17 minutes old");
}

TEST_F(MssqlPoll, AnotherLoginHasNoPredecessor) {
    poll();
    core::Job other = job();
    other.options["app_name"] = "other";
    expect_no_rates(poller_.poll(other), "another target");
    EXPECT_EQ(servers_.count("connects"), 2U);
    EXPECT_EQ(servers_.stats().at("last_application"), "other");
}

TEST_F(MssqlPoll, NeedsNoPasswordForAKeptConnection) {
    poller_.poll(job_of_login(7));
    const core::Result result = poller_.poll(without_password(7));
    EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
    EXPECT_EQ(result.interval_ms, 60'000.0);
    EXPECT_EQ(servers_.count("logins"), 1U);
}

TEST_F(MssqlPoll, NeedsItsPasswordWhereTheConnectionIsGone) {
    poller_.poll(job_of_login(7));
    servers_.control({{"drop", true}});
    const core::Result refused = poller_.poll(without_password(7));
    EXPECT_TRUE(refused.needs_password);
    EXPECT_TRUE(refused.values.empty());
    EXPECT_EQ(servers_.count("connects"), 1U) << "nothing is tried without";
    EXPECT_TRUE(poller_.poll(without_password(7)).needs_password) << "again";
    const core::Result result = poller_.poll(job_of_login(7));
    EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
    EXPECT_EQ(result.interval_ms, 60'000.0) << "what was read before the connection was lost counts still";
    EXPECT_EQ(servers_.count("logins"), 2U);
}

TEST_F(MssqlPoll, NeedsThePasswordOfAnotherLogin) {
    poller_.poll(job_of_login(7));
    EXPECT_TRUE(poller_.poll(without_password(8)).needs_password);
    expect_no_rates(poller_.poll(job_of_login(8)), "another login may see other things");
    EXPECT_EQ(servers_.count("logins"), 2U);
}

TEST_F(MssqlPoll, AsksForNothingThatIsNotWanted) {
    core::Job little = job();
    little.metrics = {"memory_percent", "if_in_octets"};
    const core::Result result = poller_.poll(little);
    ASSERT_EQ(result.values.size(), 1U);
    EXPECT_EQ(result.values[0].metric, "memory_percent");
    EXPECT_EQ(result.values[0].value, 75.0);
    const auto before = servers_.count("bytes_sent");
    poller_.poll(little);
    const auto little_bytes = servers_.count("bytes_sent") - before;
    poll();
    poll();
    const auto all_before = servers_.count("bytes_sent");
    poll();
    EXPECT_LT(little_bytes * 4, servers_.count("bytes_sent") - all_before);
}

TEST_F(MssqlPoll, MissingPermissionGivesWhatItCan) {
    servers_.control({{"view_state", false}});
    const core::Result result = poll();
    EXPECT_EQ(result.outcome, core::Outcome::partial);
    EXPECT_EQ(class_of(result), "permission");
    EXPECT_NE(message_of(result).find("VIEW SERVER PERFORMANCE STATE"), std::string::npos) << message_of(result);
    EXPECT_EQ(result.facts.at("version"), "16.0.4105.2");
    for (const core::Value& value : result.values)
        EXPECT_FALSE(value.value) << value.metric;
    servers_.control({{"view_state", true}});
    EXPECT_EQ(poll().outcome, core::Outcome::ok) << "noticed without a new connection";
    EXPECT_EQ(servers_.count("connects"), 1U);
}

TEST_F(MssqlPoll, SeveralServersAtTheSameTime) {
    SimulatedServers many({"--servers", "8"});
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 8; ++i) {
        threads.emplace_back([&many, i] {
            Poller poller;
            core::Job job = many.job(i);
            job.deadline = ample_deadline;
            poller.poll(job);
            const core::Result result = poller.poll(job);
            EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
            EXPECT_EQ(value_of(result, "batch_requests_sec"), 1200.0);
        });
    }
    for (std::thread& thread : threads)
        thread.join();
}

}  // namespace
}  // namespace vitals::prober
