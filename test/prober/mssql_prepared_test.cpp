// Polls that prepare their batches, beside polls that send the text: the same values and states, fewer bytes, and no
// poll that fails because of it.
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "mssql_test_support.h"

namespace vitals::prober {
namespace {

// All that must not depend on how the batch was sent.
std::string content_of(const core::Result& result) {
    std::string text = result.outcome == core::Outcome::ok ? "ok " : "not ok ";
    text += class_of(result) + " " + message_of(result);
    for (const core::GroupStatus& status : result.groups)
        text += "\n" + status.name + ": " + state_of(result, status.name) + " " + std::to_string(status.rows);
    for (const core::Value& value : result.values) {
        if (value.metric == "clock_skew_ms") continue;
        text += "\n" + value.metric + "[" + value.instance + "] " + (value.value ? std::to_string(*value.value) : "-");
    }
    return text;
}

std::string gauge(const std::string& name, const std::string& sql) {
    return nlohmann::json{{"name", name},
                          {"builtin", true},
                          {"variants", {{{"sql", sql}}}},
                          {"metrics", {{{"name", name + "_a"}, {"source", "a"}}}}}
        .dump();
}

// One server and what polls it.
struct Side {
    explicit Side(Definitions definitions, std::vector<std::string> flags = {"--replay", "steps"})
        : servers(flags), poller(std::move(definitions)), job(servers.job()) {
        job.deadline = ample_deadline;
    }
    core::Result poll() {
        const auto before = servers.count("bytes_received");
        core::Result result = poller.poll(job);
        sent = servers.count("bytes_received") - before;
        return result;
    }
    SimulatedServers servers;
    Poller poller;
    core::Job job;
    std::uint64_t sent = 0;  // by the last poll
};

// The first poll of a connection asks for the version alone, so that its batch is another one; the fourth is the first
// that sends no text.
constexpr int polls_until_prepared = 3;
constexpr std::uint64_t no_text = 500;  // bytes, with what TLS adds
constexpr std::uint64_t whole_text = 20'000;

class MssqlPreparedPoll : public testing::Test {
  protected:
    // One server that keeps its connection, and one where every poll has a new one and never sends a text twice.
    void expect_equal(const Definitions& definitions, int polls, const std::vector<nlohmann::json>& changes = {}) {
        Side prepared(definitions);
        Side text(definitions);
        for (int i = 0; i < polls; ++i) {
            text.servers.control({{"drop", true}});
            if (i == polls_until_prepared + 1) {
                for (const auto& change : changes) {
                    prepared.servers.control(change);
                    text.servers.control(change);
                }
            }
            EXPECT_EQ(content_of(prepared.poll()), content_of(text.poll())) << "poll " << i + 1;
        }
        EXPECT_EQ(prepared.servers.count("logins"), 1U);
        EXPECT_GE(prepared.servers.count("prepared"), 1U);
        EXPECT_EQ(text.servers.count("prepared"), 0U);
    }
};

TEST_F(MssqlPreparedPoll, SendsTheTextTwiceOnAConnection) {
    Side side(builtin_definitions());
    std::vector<std::uint64_t> sent;
    for (int i = 0; i < 6; ++i) {
        const core::Result result = side.poll();
        EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
        EXPECT_EQ(result.round_trips, i == 0 ? 2U : 1U) << i;
        sent.push_back(side.sent);
    }
    EXPECT_GT(sent[1], whole_text);
    EXPECT_GT(sent[2], whole_text) << "once more, to be prepared";
    EXPECT_LT(sent[3], no_text);
    EXPECT_LT(sent[5], no_text);
    EXPECT_EQ(side.servers.count("prepared"), 1U);
    EXPECT_EQ(side.servers.count("logins"), 1U);
}

TEST_F(MssqlPreparedPoll, HasTheValuesOfTheText) {
    expect_equal(builtin_definitions(), 6);
}

// Which of the groups of a packet took it is not known.
TEST_F(MssqlPreparedPoll, TellsHowLongTheGroupsTook) {
    Side side(builtin_definitions());
    side.servers.control({{"view", "sys.dm_os_wait_stats"}, {"delay_ms", 300}});
    for (int i = 0; i <= polls_until_prepared; ++i) {
        const core::Result result = side.poll();
        double all = 0;
        for (const core::GroupStatus& status : result.groups)
            all += status.duration_ms;
        EXPECT_GE(all, 290) << i;
        EXPECT_LE(all, result.query_ms) << i;
    }
    EXPECT_LT(side.sent, no_text);
}

TEST_F(MssqlPreparedPoll, HasTheErrorsOfTheText) {
    for (const int number : {229, 8134, 1205, 1222, 245}) {
        SCOPED_TRACE(number);
        expect_equal(builtin_definitions({"counters", "files", "memory", "waits"}), 6,
                     {{{"view", "sys.dm_os_wait_stats"}, {"error", number}}});
    }
}

TEST_F(MssqlPreparedPoll, AMissingTableEndsWhatWouldHaveFollowed) {
    expect_equal(definitions_of({gauge("a", "SELECT 1 AS a"), gauge("b", "SELECT a FROM sys.no_such_view"),
                                 gauge("c", "SELECT 3 AS a"), gauge("d", "SELECT 4 AS a")}),
                 5);
}

TEST_F(MssqlPreparedPoll, AStatementThatStopsTheBatch) {
    expect_equal(definitions_of({gauge("a", "SELECT 1 AS a"), gauge("b", "SELECT FROM"), gauge("c", "SELECT 3 AS a")}),
                 5);
}

TEST_F(MssqlPreparedPoll, RowLimitsHold) {
    Side side(definitions_of({R"({"name":"rows","builtin":true,"row_limit":3,"labels":["wait_type"],
        "variants":[{"sql":"SELECT wait_type, wait_time_ms FROM sys.dm_os_wait_stats"}],"metrics":[
        {"name":"wait","source":"wait_time_ms"},{"name":"waits","over":"count"}]})"}));
    for (int i = 0; i < 4; ++i) {
        const core::Result result = side.poll();
        EXPECT_GT(value_of(result, "waits"), 90) << i;
        EXPECT_EQ(std::count_if(result.values.begin(), result.values.end(),
                                [](const core::Value& value) { return value.metric == "wait"; }),
                  3)
            << i;
    }
    EXPECT_LT(side.sent, no_text);
}

TEST_F(MssqlPreparedPoll, ATimeoutWithinIsTheGroupsOwn) {
    Side side(definitions_of({gauge("a", "SELECT 1 AS a"),
                              R"({"name":"slow","builtin":true,"timeout_ms":300,
        "variants":[{"sql":"SELECT COUNT(*) AS a FROM sys.dm_os_wait_stats"}],
        "metrics":[{"name":"slow_a","source":"a"}]})"}));
    for (int i = 0; i <= polls_until_prepared; ++i)
        EXPECT_EQ(side.poll().outcome, core::Outcome::ok);
    EXPECT_LT(side.sent, no_text);
    side.servers.control({{"view", "sys.dm_os_wait_stats"}, {"delay_ms", 3000}});
    core::Result result = side.poll();
    EXPECT_EQ(value_of(result, "a_a"), 1);
    EXPECT_TRUE(state_of(result, "slow").starts_with("failed timeout 0 it took longer")) << state_of(result, "slow");
}

TEST_F(MssqlPreparedPoll, AHandleThatIsGoneCostsNothingButARoundTrip) {
    Side side(builtin_definitions());
    for (int i = 0; i <= polls_until_prepared; ++i)
        side.poll();
    side.servers.control({{"forget_prepared", true}});
    for (int i = 0; i < 4; ++i) {
        const core::Result result = side.poll();
        EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
        EXPECT_EQ(result.interval_ms, 60'000.0);
        EXPECT_EQ(result.round_trips, i == 0 ? 2U : 1U) << i;
        EXPECT_GT(side.sent, whole_text) << "nothing is prepared for a while";
    }
    EXPECT_EQ(side.servers.count("prepared"), 0U);
    EXPECT_EQ(side.servers.count("logins"), 1U);
}

TEST_F(MssqlPreparedPoll, WithoutPermissionItIsTriedOnce) {
    Side side(builtin_definitions(), {"--replay", "live", "--profile", "prepare=false"});
    for (int i = 0; i < 7; ++i) {
        if (i == 4) side.servers.control({{"drop", true}});
        const core::Result result = side.poll();
        EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
        const bool asked_twice = i == 0 || i == 2 || i == 4;
        EXPECT_EQ(result.round_trips, asked_twice ? 2U : 1U) << i << ": another connection is no other server";
    }
}

TEST_F(MssqlPreparedPoll, AServerThatBreaksOverItIsAskedAsBefore) {
    for (const int polls_before : {2, polls_until_prepared}) {
        SCOPED_TRACE(polls_before);
        Side side(builtin_definitions());
        for (int i = 0; i < polls_before; ++i)
            side.poll();
        side.servers.set_fault("prepared-reset");
        for (int i = 0; i < 4; ++i) {
            const core::Result result = side.poll();
            EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
        }
        EXPECT_EQ(side.servers.count("logins"), 2U);
    }
}

TEST_F(MssqlPreparedPoll, AServerWhereEverythingFailsFailsAsBefore) {
    Side side(builtin_definitions({"memory"}));
    for (int i = 0; i <= polls_until_prepared; ++i)
        side.poll();
    side.servers.set_fault("error=701");
    EXPECT_EQ(class_of(side.poll()), "pressure");
    side.servers.set_fault("none");
    EXPECT_EQ(side.poll().outcome, core::Outcome::ok);
    side.poll();
    side.poll();
    EXPECT_LT(side.sent, no_text) << "it was not the preparing";
}

TEST_F(MssqlPreparedPoll, OtherDefinitionsAreAnotherText) {
    Side side(definitions_of({gauge("one", "SELECT 1 AS a")}));
    for (int i = 0; i <= polls_until_prepared; ++i)
        EXPECT_EQ(value_of(side.poll(), "one_a"), 1);
    EXPECT_LT(side.sent, no_text);
    side.poller.define(definitions_of({gauge("one", "SELECT 2 AS a")}));
    for (int i = 0; i <= polls_until_prepared; ++i)
        EXPECT_EQ(value_of(side.poll(), "one_a"), 2);
    EXPECT_LT(side.sent, no_text);
}

TEST_F(MssqlPreparedPoll, ANewConnectionPreparesAnew) {
    Side side(builtin_definitions());
    for (int i = 0; i <= polls_until_prepared; ++i)
        side.poll();
    side.servers.control({{"drop", true}});
    EXPECT_EQ(side.poll().outcome, core::Outcome::ok);
    EXPECT_GT(side.sent, whole_text);
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(side.poll().outcome, core::Outcome::ok);
    EXPECT_LT(side.sent, no_text);
    EXPECT_EQ(side.servers.count("prepared"), 1U);
    EXPECT_EQ(side.servers.count("logins"), 2U);
}

// Groups that are due every so often make a text for each combination.
TEST_F(MssqlPreparedPoll, FewOfManyTextsAreKept) {
    std::vector<std::string> definitions;
    for (int i = 0; i < 10; ++i)
        definitions.push_back(gauge("g" + std::to_string(i), "SELECT " + std::to_string(i) + " AS a"));
    Side side(definitions_of(definitions));
    for (int round = 0; round < 10; ++round) {
        const std::string name = "g" + std::to_string(round);
        side.job.groups = {{name}};
        for (int i = 0; i <= polls_until_prepared; ++i)
            EXPECT_EQ(value_of(side.poll(), name + "_a"), round);
        EXPECT_LT(side.sent, no_text);
        EXPECT_LE(side.servers.count("prepared"), 8U);
    }
    EXPECT_EQ(side.servers.count("prepared"), 8U);
}

TEST_F(MssqlPreparedPoll, ProceduresAreCalledAsBefore) {
    Side side(builtin_definitions());
    side.job.options["mode"] = "procedures";
    for (int i = 0; i < 4; ++i)
        side.poll();
    EXPECT_EQ(side.servers.count("prepared"), 0U);
}

}  // namespace
}  // namespace vitals::prober
