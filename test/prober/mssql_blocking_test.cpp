// Who blocks: the group head_blockers against the recorded chain, and against those that a test makes up.
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mssql_test_support.h"
#include "temporary_directory.h"

namespace vitals::prober {
namespace {

// A request that waits, and for whom.
struct Wait {
    int session;
    int blocker;
    int ms;
    int request = 0;
};

// What is there of a session beside its number.
struct Who {
    nlohmann::json login = "app";
    nlohmann::json program = "Orders";
    nlohmann::json host = "WEB01";
    const char* status = "running";
    int open_transactions = 0;
};

// A table of the fixture, whose rows are made of one that is recorded.
class RecordedRows {
  public:
    RecordedRows(nlohmann::json& fixture, const char* name)
        : table_(fixture.at("resultsets").at(name)), pattern_(table_.at("poll2").back()) {}

    void clear() { table_["poll2"] = nlohmann::json::array(); }
    void add(const std::map<std::string, nlohmann::json>& cells) {
        nlohmann::json row = pattern_;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const auto cell = cells.find(table_.at("columns").at(i).at("name").get<std::string>());
            if (cell != cells.end()) row[i] = cell->second;
        }
        table_["poll2"].push_back(row);
    }

  private:
    nlohmann::json& table_;
    nlohmann::json pattern_;
};

// Of one head: blocked, wait in ms, idle.
using Figures = std::tuple<std::optional<double>, std::optional<double>, std::optional<double>>;
using Heads = std::map<std::string, Figures>;

class MssqlBlocking : public testing::Test {
  protected:
    void start(std::vector<std::string> flags = {}) {
        flags.insert(flags.end(), {"--replay", "poll2"});
        servers_ = std::make_unique<SimulatedServers>(flags);
        job_ = servers_->job();
        job_.deadline = ample_deadline;
    }

    void start(const std::map<int, Who>& sessions, const std::vector<Wait>& waits) {
        std::ifstream file(VITALS_FIXTURES "/mssql-fixture.json");
        auto fixture = nlohmann::json::parse(file);
        RecordedRows session_rows(fixture, "sys.dm_exec_sessions");
        for (const auto& [session, who] : sessions)
            session_rows.add({{"session_id", session},
                              {"login_name", who.login},
                              {"program_name", who.program},
                              {"host_name", who.host},
                              {"status", who.status},
                              {"database_id", 5},
                              {"is_user_process", true},
                              {"open_transaction_count", who.open_transactions}});
        RecordedRows request_rows(fixture, "sys.dm_exec_requests");
        request_rows.clear();
        for (const Wait& wait : waits)
            request_rows.add({{"session_id", wait.session},
                              {"request_id", wait.request},
                              {"status", "suspended"},
                              {"blocking_session_id", wait.blocker},
                              {"wait_time", wait.ms}});
        start({"--fixture", directory_.write("fixture.json", fixture.dump())});
    }

    Heads heads() {
        const core::Result result = poller_.poll(job_);
        EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
        EXPECT_EQ(state_of(result, "head_blockers"), "ok");
        Heads found;
        std::set<std::pair<std::string, std::string>> seen;
        for (const core::Value& value : result.values) {
            if (!value.metric.starts_with("blocking_head_")) continue;
            EXPECT_TRUE(seen.emplace(value.metric, value.instance).second) << value.instance << " comes twice";
            Figures& figures = found[value.instance];
            if (value.metric == "blocking_head_blocked") std::get<0>(figures) = value.value;
            if (value.metric == "blocking_head_wait_ms") std::get<1>(figures) = value.value;
            if (value.metric == "blocking_head_idle") std::get<2>(figures) = value.value;
        }
        return found;
    }

    TemporaryDirectory directory_;
    std::unique_ptr<SimulatedServers> servers_;
    Poller poller_{builtin_definitions({"head_blockers"})};
    core::Job job_;
};

// 93 waits for 84, which waits for 69; 60 waits for another task of its own.
TEST_F(MssqlBlocking, NamesWhoIsAtTheRootOfTheRecordedChain) {
    const Heads recorded{{"monitor/pg_vitals/APP01/Warehouse", {2, 42'000, 0}}};
    for (const char* kind : {"version=2012", "version=2025", "collation=Latin1_General_CS_AS",
                             "collation=Turkish_CI_AS", "collation=Latin1_General_BIN2", "edition=8"}) {
        start(std::vector<std::string>{"--profile", kind});
        EXPECT_EQ(heads(), recorded) << kind;
    }
    start(std::vector<std::string>{"--profile", "edition=5"});
    EXPECT_EQ(heads(), (Heads{{"monitor/pg_vitals/APP01/master", {2, 42'000, 0}}})) << "sessions of one database";
}

TEST_F(MssqlBlocking, HasNoRowWhereNobodyWaitsForAnother) {
    start({}, {{201, 201, 900}});
    EXPECT_EQ(heads(), Heads{});
}

// For another task of its own, with a parallel plan.
TEST_F(MssqlBlocking, AHeadMayWaitForItself) {
    start({{201, {}}}, {{201, 201, 900}, {211, 201, 100}});
    EXPECT_EQ(heads(), (Heads{{"app/Orders/WEB01/SalesDB", {1, 100, 0}}}));
}

TEST_F(MssqlBlocking, NeverTakesWhatWaitsForTheQuestionItself) {
    // The recording's own session.
    start({{201, {}}, {202, {}}}, {{201, 57, 900}, {202, 201, 800}, {57, 202, 700}});
    EXPECT_EQ(heads(), (Heads{{"app/Orders/WEB01/SalesDB", {1, 800, 0}}}));
}

TEST_F(MssqlBlocking, KnowsAForgottenTransaction) {
    start({{201, {.program = "Forgotten", .status = "sleeping", .open_transactions = 1}},
           {202, {.program = "Reading", .status = "sleeping"}},
           {203, {.program = "Working", .status = "running", .open_transactions = 1}}},
          {{211, 201, 5'000}, {212, 211, 4'000}, {213, 211, 6'000}, {221, 202, 10}, {231, 203, 20}});
    EXPECT_EQ(heads(), (Heads{{"app/Forgotten/WEB01/SalesDB", {3, 6'000, 1}},
                              {"app/Reading/WEB01/SalesDB", {1, 10, 0}},
                              {"app/Working/WEB01/SalesDB", {1, 20, 0}}}));
}

TEST_F(MssqlBlocking, AddsUpHeadsThatCannotBeToldApart) {
    start({{201, {}},
           {202, {.status = "sleeping", .open_transactions = 1}},
           {203, {.host = nullptr}},
           {204, {.host = ""}}},
          {{211, 201, 100}, {212, 202, 300}, {213, 212, 200}, {214, 203, 10}, {215, 204, 20}});
    EXPECT_EQ(heads(), (Heads{{"app/Orders/WEB01/SalesDB", {3, 300, 1}}, {"app/Orders//SalesDB", {2, 20, 0}}}));
}

TEST_F(MssqlBlocking, NamesWhatIsNoSession) {
    start({}, {{201, -2, 1}, {202, -3, 2}, {203, -4, 3}, {204, -5, 4}, {205, 204, 5}, {206, 999, 6}});
    EXPECT_EQ(heads(), (Heads{{"(orphaned distributed transaction)///", {1, 1, 0}},
                              {"(deferred recovery)///", {1, 2, 0}},
                              {"(latch, owner in transition)///", {1, 3, 0}},
                              {"(latch, owner not tracked)///", {2, 5, 0}},
                              {"(session has ended)///", {1, 6, 0}}}));
}

TEST_F(MssqlBlocking, TakesAnyText) {
    const std::string emoji = "\xf0\x9f\x92\xa3";
    std::string longest;
    for (int i = 0; i < 64; ++i)
        longest += emoji;
    start({{201, {.login = "x'; DROP TABLE t --", .program = "a\nb\tc/d\"" + emoji, .host = nullptr}},
           {202, {.login = longest, .program = longest, .host = longest}}},
          {{211, 201, 1}, {212, 202, 2}, {213, 202, 3}});
    const Heads found = heads();
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found.count("x'; DROP TABLE t --/a\nb\tc/d\"" + emoji + "//SalesDB"), 1U);
    for (const auto& [instance, figures] : found)
        EXPECT_LE(instance.size(), core::max_instance_name);
}

// A snapshot is not of one moment, and a deadlock is one for some seconds.
TEST_F(MssqlBlocking, ACycleHasNoHead) {
    start({{201, {}}}, {{211, 212, 100}, {212, 213, 200}, {213, 211, 300}, {214, 211, 400}, {215, 201, 50}});
    EXPECT_EQ(heads(), (Heads{{"app/Orders/WEB01/SalesDB", {1, 50, 0}}}));
}

// Of several requests of a session (MARS) the one that waits longest says for whom.
TEST_F(MssqlBlocking, CountsASessionOnce) {
    start({{201, {.program = "One"}}, {202, {.program = "Two"}}},
          {{211, 201, 100, 0}, {211, 202, 300, 1}, {211, 202, 200, 2}, {212, 211, 50}, {213, 201, 10}});
    EXPECT_EQ(heads(), (Heads{{"app/One/WEB01/SalesDB", {1, 10, 0}}, {"app/Two/WEB01/SalesDB", {2, 300, 0}}}));
}

TEST_F(MssqlBlocking, FollowsAChainAHundredSessionsDeep) {
    std::vector<Wait> waits;
    for (int i = 0; i < 150; ++i)
        waits.push_back({202 + i, 201 + i, 1'000 + i});
    start({{201, {}}}, waits);
    EXPECT_EQ(heads(), (Heads{{"app/Orders/WEB01/SalesDB", {100, 1'099, 0}}}));
}

TEST_F(MssqlBlocking, GivesTheTwentyWithTheMostBehindThem) {
    std::map<int, Who> sessions;
    std::vector<Wait> waits;
    for (int head = 1; head <= 25; ++head) {
        sessions[200 + head] = {.program = "P" + std::to_string(head)};
        for (int i = 0; i < head; ++i)
            waits.push_back({1000 * head + i, 200 + head, 10});
    }
    start(sessions, waits);
    const Heads found = heads();
    EXPECT_EQ(found.size(), 20U);
    EXPECT_EQ(found.count("app/P5/WEB01/SalesDB"), 0U);
    EXPECT_EQ(found.count("app/P6/WEB01/SalesDB"), 1U);
}

}  // namespace
}  // namespace vitals::prober
