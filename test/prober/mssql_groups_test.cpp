// Metric groups over a real connection to the simulator: what one group does wrong costs that group alone.
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "mssql_test_support.h"

namespace vitals::prober {
namespace {

class MssqlGroups : public testing::Test {
  protected:
    core::Result poll(const std::vector<std::string>& definitions) {
        poller_.define(definitions_of(definitions));
        return poll();
    }
    core::Result poll() { return poller_.poll(job_); }

    SimulatedServers servers_;
    Poller poller_{definitions_of({})};
    core::Job job_ = [this] {
        core::Job job = servers_.job();
        job.deadline = ample_deadline;
        return job;
    }();
};

TEST_F(MssqlGroups, WithoutDefinitionsThereAreTheCpuAndTheClockAlone) {
    poll();
    const core::Result result = poll();
    EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
    ASSERT_EQ(result.values.size(), 2U);
    EXPECT_EQ(value_of(result, "cpu_percent"), 42.0);
    EXPECT_EQ(std::to_string(static_cast<std::int64_t>(value_of(result, "clock_skew_ms").value_or(0))),
              result.facts.at("clock_skew_ms"));
    EXPECT_EQ(state_of(result, "server"), "ok");
    EXPECT_EQ(state_of(result, "sysinfo"), "ok");
}

TEST_F(MssqlGroups, TellsWhatItCost) {
    const std::vector<std::string> groups{gauge("one", "SELECT 1 AS a"), gauge("two", "SELECT 2 AS a", builtin)};
    const core::Result first = poll(groups);
    EXPECT_GT(first.login_ms, 0);
    EXPECT_EQ(first.round_trips, 2U) << "the version decides what is asked";
    const core::Result second = poll();
    EXPECT_EQ(second.login_ms, 0) << "the connection was kept";
    EXPECT_GT(second.query_ms, 0);
    EXPECT_EQ(second.round_trips, 1U);
    EXPECT_GT(second.bytes, 500U);
    EXPECT_LT(second.bytes, first.bytes);
    EXPECT_EQ(state_of(second, "one"), "ok");
    ASSERT_EQ(second.groups.size(), 4U);
    EXPECT_EQ(second.groups[2].name, "two") << "built-in groups come first";
    EXPECT_EQ(second.groups[2].rows, 1U);
    EXPECT_EQ(second.groups[2].data_bytes, 4U) << "of an int";
}

TEST_F(MssqlGroups, ATenantsMistakeCostsItsGroupAlone) {
    for (const char* sql : {"SELECT FROM WHERE", "SELECT a FROM sys.no_such_view", "EXEC tds_server.raise 8134",
                            "SELECT 1 AS a'; SELECT 'x", "SELECT 1 AS b", "PRINT 'nothing'"}) {
        const core::Result result =
            poll({gauge("before", "SELECT 1 AS a", builtin), gauge("mine", sql), gauge("other", "SELECT 2 AS a")});
        EXPECT_EQ(result.outcome, core::Outcome::partial) << sql;
        EXPECT_EQ(state_of(result, "before"), "ok") << sql;
        EXPECT_TRUE(state_of(result, "mine").starts_with("failed")) << sql << ": " << state_of(result, "mine");
        EXPECT_EQ(state_of(result, "other"), "ok") << sql;
        EXPECT_EQ(value_of(result, "before_a"), 1) << sql;
        EXPECT_EQ(value_of(result, "mine_a"), std::nullopt) << sql;
        EXPECT_EQ(value_of(result, "other_a"), 2) << sql;
        EXPECT_TRUE(message_of(result).starts_with("group mine: ")) << message_of(result);
    }
    EXPECT_EQ(servers_.count("connects"), 1U);
}

TEST_F(MssqlGroups, NamesTheColumnThatIsMissing) {
    const core::Result result = poll({gauge("mine", "SELECT 1 AS b")});
    EXPECT_EQ(state_of(result, "mine"), "failed server_error 0 the result has no column \"a\"");
}

// What SQL Server does not find while it runs ends the batch; what it cannot compile stops it before it begins.
TEST_F(MssqlGroups, AStatementThatEndsTheBatch) {
    for (const char* sql : {"SELECT a FROM sys.no_such_view", "SELECT FROM"}) {
        const core::Result result = poll({gauge("a_first", "SELECT 1 AS a", builtin), gauge("b_broken", sql, builtin),
                                          gauge("c_last", "SELECT 3 AS a", builtin)});
        EXPECT_EQ(result.outcome, core::Outcome::partial) << sql;
        EXPECT_EQ(state_of(result, "a_first"), "ok") << sql;
        EXPECT_TRUE(state_of(result, "b_broken").starts_with("failed")) << state_of(result, "b_broken");
        EXPECT_EQ(state_of(result, "c_last"), "ok") << sql;
        EXPECT_EQ(value_of(result, "c_last_a"), 3) << sql;
        EXPECT_EQ(state_of(result, "sysinfo"), "ok") << sql;
    }
}

const char* const job_count = "SELECT count(*) AS a FROM msdb.dbo.sysjobs";

TEST_F(MssqlGroups, ADeniedGroupIsNotAskedAgainAtOnce) {
    servers_.control({{"view", "msdb.dbo.sysjobs"}, {"error", 229}});
    core::Result result = poll({gauge("msdb", job_count, builtin), gauge("other", "SELECT 2 AS a", builtin)});
    EXPECT_EQ(result.outcome, core::Outcome::partial);
    EXPECT_EQ(class_of(result), "permission");
    EXPECT_TRUE(state_of(result, "msdb").starts_with("denied permission 229 ")) << state_of(result, "msdb");
    EXPECT_EQ(state_of(result, "other"), "ok");
    EXPECT_EQ(result.round_trips, 2U) << "not retried: it would be denied again";

    // The grant is made: the state is remembered for this connection, and a check forgets it.
    servers_.control({{"view", ""}});
    result = poll();
    EXPECT_TRUE(state_of(result, "msdb").starts_with("denied permission 229 ")) << state_of(result, "msdb");
    EXPECT_EQ(value_of(result, "msdb_a"), std::nullopt);
    poller_.check(job_);
    result = poll();
    EXPECT_EQ(state_of(result, "msdb"), "ok");
    EXPECT_TRUE(value_of(result, "msdb_a"));
}

TEST_F(MssqlGroups, ANewConnectionForgetsWhatWasDenied) {
    servers_.control({{"view", "msdb.dbo.sysjobs"}, {"error", 229}});
    poll({gauge("msdb", job_count, builtin)});
    servers_.control({{"view", ""}});
    servers_.control({{"drop", true}});
    EXPECT_TRUE(state_of(poll(), "msdb").starts_with("denied")) << "the reconnect came after the choice of the groups";
    EXPECT_EQ(state_of(poll(), "msdb"), "ok");
}

TEST_F(MssqlGroups, NewDefinitionsForgetWhatWasRefused) {
    servers_.control({{"view", "msdb.dbo.sysjobs"}, {"error", 229}});
    EXPECT_TRUE(state_of(poll({gauge("msdb", job_count, builtin)}), "msdb").starts_with("denied"));
    servers_.control({{"view", ""}});
    job_.metrics = {"msdb"};
    EXPECT_TRUE(state_of(poll(), "msdb").starts_with("denied")) << "another choice, but the same definitions";
    EXPECT_EQ(state_of(poll({gauge("msdb", job_count, builtin)}), "msdb"), "ok");
    EXPECT_EQ(servers_.count("connects"), 1U);
}

TEST_F(MssqlGroups, GivingWayIsNoFault) {
    for (const char* number : {"1222", "1205"}) {
        const core::Result result = poll({gauge("waits", std::string("EXEC tds_server.raise ") + number, builtin)});
        EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
        EXPECT_TRUE(state_of(result, "waits").starts_with(std::string("yielded yielded ") + number))
            << state_of(result, "waits");
        EXPECT_EQ(value_of(result, "waits_a"), std::nullopt);
    }
}

TEST_F(MssqlGroups, AFailedGroupIsAskedOnceMore) {
    const core::Result result = poll({gauge("g", "EXEC tds_server.raise 8134", builtin)});
    EXPECT_TRUE(state_of(result, "g").starts_with("failed server_error 8134 ")) << state_of(result, "g");
    EXPECT_EQ(result.round_trips, 3U) << "the version, all, the failed one";
}

TEST_F(MssqlGroups, WithoutPermissionTheGroupIsNotRun) {
    const std::vector<std::string> groups{
        gauge("sessions", "SELECT 1 AS a", {{"builtin", true}, {"permission", "VIEW SERVER STATE"}}),
        gauge("free", "SELECT 2 AS a", builtin)};
    poller_.define(definitions_of(groups));
    poll();
    // The server shows a login without the permission its own session only: one that is counted would be wrong.
    servers_.control({{"view_state", false}});
    core::Result result = poll();
    EXPECT_TRUE(
        state_of(result, "sessions").starts_with("denied permission 0 vitals has no permission VIEW SERVER STATE"))
        << state_of(result, "sessions");
    EXPECT_EQ(value_of(result, "sessions_a"), std::nullopt);
    EXPECT_EQ(value_of(result, "free_a"), 2);
    EXPECT_EQ(result.outcome, core::Outcome::partial);
    EXPECT_EQ(poll().round_trips, 1U);

    servers_.control({{"view_state", true}});
    result = poll();
    EXPECT_EQ(state_of(result, "sessions"), "ok") << "in the very poll that sees the grant";
    EXPECT_EQ(value_of(result, "sessions_a"), 1);
    EXPECT_EQ(result.round_trips, 2U);
    EXPECT_EQ(poll().round_trips, 1U);
}

TEST_F(MssqlGroups, OnlyWhatIsDueAndWanted) {
    poller_.define(definitions_of({gauge("one", "SELECT 1 AS a"), gauge("two", "SELECT 2 AS a")}));
    job_.groups = {"one", "unknown"};
    core::Result result = poll();
    EXPECT_EQ(state_of(result, "one"), "ok");
    EXPECT_EQ(state_of(result, "two"), "not there");
    EXPECT_EQ(result.values.size(), 3U) << "and the CPU and the clock";
    job_.metrics = {"two_a"};
    result = poll();
    EXPECT_EQ(state_of(result, "one"), "not there");
    EXPECT_TRUE(result.values.empty());
    job_.groups.reset();
    EXPECT_EQ(value_of(poll(), "two_a"), 2);
}

TEST_F(MssqlGroups, AVersionWithoutTheGroup) {
    const core::Result result =
        poll({R"({"name":"azure","builtin":true,"variants":[{"editions":[5],"sql":"SELECT 1 AS a"}],
        "metrics":[{"name":"azure_a","source":"a"},{"name":"azure_row","source":"a","over":"count"}]})"});
    EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
    EXPECT_EQ(state_of(result, "azure"), "absent");
    EXPECT_EQ(value_of(result, "azure_a"), std::nullopt);
}

const char* const files = R"j({"name":"files","builtin":true,"every":3,"labels":["database_id","file_id"],
    "variants":[{"sql":"SELECT database_id, file_id, num_of_reads FROM sys.dm_io_virtual_file_stats(NULL, NULL)"}],
    "metrics":[{"name":"reads","kind":"rate","source":"num_of_reads","over":"sum"},
               {"name":"read_count","kind":"delta","source":"num_of_reads","over":"sum"}]})j";

TEST_F(MssqlGroups, ASlowGroupHasAPredecessorOfItsOwn) {
    SimulatedServers servers({"--replay", "steps"});
    job_ = servers.job();
    job_.deadline = ample_deadline;
    poller_.define(definitions_of({files}));
    poll();
    const double one_step = *value_of(poll(), "read_count");
    job_.groups = std::vector<std::string>{};
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(poll().interval_ms, 60'000.0);
    job_.groups.reset();
    const core::Result result = poll();
    EXPECT_EQ(value_of(result, "read_count"), 3 * one_step) << "since it ran last";
    EXPECT_EQ(value_of(result, "reads"), one_step / 60) << "over three minutes";
}

TEST_F(MssqlGroups, NewDefinitionsKeepTheSamplesOfGroupsThatDidNotChange) {
    SimulatedServers servers({"--replay", "steps"});
    job_ = servers.job();
    job_.deadline = ample_deadline;
    poller_.define(definitions_of({files}));
    poll();
    poller_.define(definitions_of({files, gauge("more", "SELECT 1 AS a")}));
    EXPECT_TRUE(value_of(poll(), "read_count"));
    std::string changed = files;
    changed.replace(changed.find("file_id, num_of_reads"), 0, "1 AS x, ");
    poller_.define(definitions_of({changed}));
    EXPECT_FALSE(value_of(poll(), "read_count")) << "what another statement reads is not comparable";
    EXPECT_TRUE(value_of(poll(), "read_count"));
    EXPECT_EQ(servers.count("connects"), 1U);
}

TEST_F(MssqlGroups, MoreRowsThanTheGroupMayHave) {
    const core::Result result = poll({R"({"name":"rows","builtin":true,"row_limit":3,"labels":["wait_type"],
                  "variants":[{"sql":"SELECT wait_type, wait_time_ms FROM sys.dm_os_wait_stats"}],"metrics":[
                  {"name":"wait","source":"wait_time_ms"},{"name":"waits","over":"count"},
                  {"name":"sum","source":"wait_time_ms","over":"sum"}]})",
                                      gauge("next", "SELECT 1 AS a", builtin)});
    EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
    EXPECT_GT(value_of(result, "waits"), 90);
    EXPECT_EQ(value_of(result, "sum"), std::nullopt);
    EXPECT_EQ(std::count_if(result.values.begin(), result.values.end(),
                            [](const core::Value& value) { return value.metric == "wait"; }),
              3);
    EXPECT_EQ(value_of(result, "next_a"), 1);
    const core::GroupStatus& rows = result.groups.at(3);
    ASSERT_EQ(rows.name, "rows");
    EXPECT_GT(rows.rows, 90U) << "those are counted that are not used";
    EXPECT_GT(rows.data_bytes, rows.rows * 8) << "so are their bytes: a bigint each, and a name";
}

TEST_F(MssqlGroups, EveryTypeOfTheServer) {
    nlohmann::json group{
        {"name", "types"}, {"row_limit", 1}, {"variants", {{{"sql", "SELECT * FROM tds_server.all_types"}}}}};
    for (const char* column :
         {"bit", "bigint", "real", "decimal", "money", "datetime", "datetime2", "varchar", "varbinary"})
        group["metrics"].push_back({{"name", column}, {"source", std::string("c_") + column}});
    const core::Result result = poll({group.dump()});
    EXPECT_EQ(value_of(result, "bit"), 1);
    EXPECT_EQ(value_of(result, "bigint"), static_cast<double>(INT64_MIN));
    EXPECT_EQ(value_of(result, "real"), 1.5);
    EXPECT_NEAR(*value_of(result, "decimal"), -1234567890123456.7891, 1);
    EXPECT_NEAR(*value_of(result, "money"), -922337203685477.5808, 1);
    EXPECT_NEAR(*value_of(result, "datetime"), 1772445600.997e6, 4e3) << "microseconds since 1970";
    EXPECT_EQ(value_of(result, "datetime2"), 1772445600123456.0);
    EXPECT_EQ(value_of(result, "varchar"), std::nullopt) << "a text is no number";
    EXPECT_EQ(value_of(result, "varbinary"), std::nullopt);
}

TEST_F(MssqlGroups, ProceduresThatAreMissingAreNamed) {
    job_.options["mode"] = "procedures";
    const core::Result result = poll({gauge("one", "SELECT 1 AS a", builtin)});
    EXPECT_EQ(result.outcome, core::Outcome::partial);
    EXPECT_NE(state_of(result, "server").find("failed version 2812"), std::string::npos) << state_of(result, "server");
}

// Two groups break their connection; when the second does so, the server lets nobody in any more.
TEST_F(MssqlGroups, AFailedReconnectKeepsWhatWasRead) {
    const nlohmann::json timed{{"builtin", true}, {"timeout_ms", 1000}};
    const std::vector<std::string> groups{
        gauge("first", "SELECT 1 AS a", builtin), gauge("x", "SELECT count(*) AS a FROM sys.dm_os_wait_stats", timed),
        gauge("y", "SELECT count(*) AS a FROM sys.dm_os_schedulers", timed), gauge("z", "SELECT 3 AS a", timed)};
    servers_.control({{"view", "sys.dm_os_wait_stats"}, {"delay_ms", 10'000}});
    core::Result result = poll(groups);
    EXPECT_TRUE(state_of(result, "x").starts_with("failed timeout")) << state_of(result, "x");
    EXPECT_EQ(state_of(result, "z"), "ok");

    servers_.control({{"view", "sys.dm_os_schedulers"}, {"delay_ms", 10'000}});
    servers_.set_fault("login-error=18456");
    result = poll();
    EXPECT_EQ(result.outcome, core::Outcome::partial) << message_of(result);
    EXPECT_EQ(value_of(result, "first_a"), 1);
    EXPECT_EQ(result.facts.at("version"), "16.0.4105.2");
    EXPECT_TRUE(state_of(result, "y").starts_with("failed timeout")) << state_of(result, "y");
    EXPECT_TRUE(state_of(result, "z").starts_with("failed login 18456")) << state_of(result, "z");
    EXPECT_EQ(value_of(result, "z_a"), std::nullopt);
    EXPECT_EQ(poll().outcome, core::Outcome::failed) << "nothing at all can be read now";

    servers_.set_fault("none");
    result = poll();
    EXPECT_EQ(value_of(result, "first_a"), 1);
    EXPECT_EQ(value_of(result, "z_a"), 3);
}

// What was read before is read again, so that all of a poll is of one moment.
TEST_F(MssqlGroups, AGroupThatBreaksTheConnectionTakesThePasswordOnce) {
    const nlohmann::json timed{{"builtin", true}, {"timeout_ms", 1000}};
    job_.login = 7;
    poll({gauge("first", "SELECT 1 AS a", builtin), gauge("x", "SELECT count(*) AS a FROM sys.dm_os_wait_stats", timed),
          gauge("z", "SELECT 3 AS a", timed)});
    servers_.control({{"view", "sys.dm_os_wait_stats"}, {"delay_ms", 10'000}});
    core::Secret password = std::exchange(job_.password, {});
    job_.password_withheld = true;
    const core::Result refused = poll();
    EXPECT_TRUE(refused.needs_password);
    EXPECT_TRUE(refused.values.empty() && refused.groups.empty());
    job_.password = std::move(password);
    job_.password_withheld = false;
    const core::Result result = poll();
    EXPECT_EQ(result.outcome, core::Outcome::partial) << message_of(result);
    EXPECT_TRUE(state_of(result, "x").starts_with("failed timeout")) << state_of(result, "x");
    EXPECT_EQ(value_of(result, "first_a"), 1);
    EXPECT_EQ(value_of(result, "z_a"), 3);
}

TEST_F(MssqlGroups, WhatWasReadIsKeptWhereThereIsNoTimeToReadItAgain) {
    const nlohmann::json timed{{"builtin", true}, {"timeout_ms", 1000}};
    job_.login = 7;
    servers_.control({{"view", "sys.dm_os_wait_stats"}, {"delay_ms", 10'000}});
    poll({gauge("first", "SELECT 1 AS a", builtin), gauge("x", "SELECT count(*) AS a FROM sys.dm_os_wait_stats", timed),
          gauge("y", "SELECT count(*) AS a FROM sys.dm_os_schedulers", timed), gauge("z", "SELECT 3 AS a", timed)});
    servers_.control({{"view", "sys.dm_os_schedulers"}, {"delay_ms", 10'000}});
    job_.password = {};
    job_.password_withheld = true;
    job_.deadline = std::chrono::milliseconds(1900);
    const core::Result result = poll();
    EXPECT_FALSE(result.needs_password);
    EXPECT_EQ(result.outcome, core::Outcome::partial) << message_of(result);
    EXPECT_EQ(value_of(result, "first_a"), 1);
    EXPECT_TRUE(state_of(result, "z").starts_with("failed connection_lost")) << state_of(result, "z");
}

// The new connection is good, but what is behind it says that nothing encrypts it.
TEST_F(MssqlGroups, AConnectionThatIsNotEncryptedIsNotKept) {
    const nlohmann::json timed{{"builtin", true}, {"timeout_ms", 1000}};
    ASSERT_EQ(
        poll({gauge("first", "SELECT 1 AS a", builtin),
              gauge("x", "SELECT count(*) AS a FROM sys.dm_os_wait_stats", timed),
              gauge("y", "SELECT count(*) AS a FROM sys.dm_os_schedulers", timed), gauge("z", "SELECT 3 AS a", timed)})
            .outcome,
        core::Outcome::ok);
    servers_.control({{"view", "sys.dm_os_wait_stats"}, {"delay_ms", 10'000}});
    poll();
    servers_.control({{"view", "sys.dm_os_schedulers"}, {"delay_ms", 10'000}});
    servers_.control({{"says_encrypted", false}});
    core::Result result = poll();
    EXPECT_EQ(result.outcome, core::Outcome::partial) << message_of(result);
    EXPECT_EQ(value_of(result, "first_a"), 1);
    EXPECT_TRUE(state_of(result, "z").starts_with("failed tls")) << state_of(result, "z");
    for (int i = 0; i < 2; ++i) {
        result = poll();
        EXPECT_EQ(result.outcome, core::Outcome::failed);
        EXPECT_EQ(class_of(result), "tls") << "asked over a connection of its own each time";
        EXPECT_TRUE(result.values.empty());
    }
    servers_.control({{"says_encrypted", true}});
    EXPECT_EQ(value_of(poll(), "first_a"), 1);
}

TEST(MssqlGroupBreaks, TheConnectionAndIsPutAside) {
    // One group sends more than any answer has; the others are read over a new connection.
    SimulatedServers servers;
    Poller poller(definitions_of({gauge("a", "SELECT 1 AS a", builtin)}));
    core::Job job = servers.job();
    job.deadline = ample_deadline;
    ASSERT_EQ(poller.poll(job).outcome, core::Outcome::ok);
    servers.set_fault("endless-rows");
    const core::Result result = poller.poll(job);
    EXPECT_EQ(result.outcome, core::Outcome::failed);
    EXPECT_EQ(class_of(result), "protocol") << message_of(result);
}

}  // namespace
}  // namespace vitals::prober
