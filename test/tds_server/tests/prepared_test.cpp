// sp_prepare, sp_execute and sp_unprepare in a batch.
#include <chrono>
#include <string>

#include "tds_server/tests/ask.h"

namespace tds_server {
namespace {

const std::string prepare_two =
    "DECLARE @h int; EXEC sp_prepare @h OUTPUT, NULL, N'SELECT N''one'' AS a; SELECT 2 AS b';";

std::vector<ResultSet> sets_of(const Reply& reply) {
    std::vector<ResultSet> sets;
    for (const ReplyPart& part : reply) {
        if (const auto* set = std::get_if<ResultSet>(&part)) sets.push_back(*set);
    }
    return sets;
}

std::vector<int> errors_of(const Reply& reply) {
    std::vector<int> numbers;
    for (const ReplyPart& part : reply) {
        const auto* message = std::get_if<ServerMessage>(&part);
        if (message != nullptr && message->level > 10) numbers.push_back(message->number);
    }
    return numbers;
}

using Numbers = std::vector<int>;

TEST(Prepared, IsExecutedInTheSameBatchAndInLaterOnes) {
    Asker server;
    auto sets = sets_of(server.ask(prepare_two + "SELECT @h AS handle; EXEC sp_execute @h"));
    ASSERT_EQ(sets.size(), 3U);
    EXPECT_EQ(sets[0].rows, (std::vector<Row>{{integer(1)}}));
    EXPECT_EQ(sets[0].columns[0].type.type, SqlType::integer);
    EXPECT_EQ(sets[1].rows, (std::vector<Row>{{Cell{"one"}}}));
    EXPECT_EQ(sets[2].rows, (std::vector<Row>{{integer(2)}}));
    sets = sets_of(server.ask("EXEC sp_execute 1"));
    ASSERT_EQ(sets.size(), 2U);
    EXPECT_EQ(sets[1].columns[0].name, "b");
}

TEST(Prepared, EndsWithAStatusAsOtherProceduresDo) {
    Asker server;
    server.ask(prepare_two);
    const Reply reply = server.ask("EXEC sp_execute 1");
    ASSERT_EQ(reply.size(), 3U);
    EXPECT_TRUE(std::holds_alternative<ReturnStatus>(reply.back()));
}

TEST(Prepared, TakesParameters) {
    Asker server;
    server.ask("DECLARE @h int; EXEC sp_prepare @h OUTPUT, N'@a int, @b nvarchar(9)', N'SELECT @a AS a, @b AS b'");
    EXPECT_EQ(server.rows_of("EXEC sp_execute 1, 7, N'x'"), (std::vector<Row>{{integer(7), Cell{"x"}}}));
    EXPECT_EQ(server.rows_of("EXEC sp_execute 1, @b = N'y', @a = 8"), (std::vector<Row>{{integer(8), Cell{"y"}}}));
}

TEST(Prepared, HandlesAreTheSessions) {
    Asker server;
    server.ask(prepare_two + prepare_two.substr(prepare_two.find(';') + 1));
    EXPECT_EQ(server.error_of("EXEC sp_execute 2"), 0);
    EXPECT_EQ(server.error_of("EXEC sp_unprepare 2"), 0);
    EXPECT_EQ(server.error_of("EXEC sp_execute 2"), 8179);
    EXPECT_EQ(server.error_of("EXEC sp_unprepare 2"), 8179);
    EXPECT_EQ(server.error_of("EXEC sp_execute 1"), 0);
    EXPECT_EQ(server.error_of("EXEC sp_execute NULL"), 8179);
    server.client.prepared = {};
    EXPECT_EQ(server.error_of("EXEC sp_execute 1"), 8179);
}

TEST(Prepared, AHandleThatThereIsNotEndsItsStatementOnly) {
    Asker server;
    const Reply reply = server.ask("EXEC sp_execute 77; SELECT 1 AS a");
    EXPECT_EQ(errors_of(reply), Numbers{8179});
    EXPECT_EQ(sets_of(reply).size(), 1U);
}

TEST(Prepared, WhatDoesNotCompileIsNotPrepared) {
    Asker server;
    for (const char* text : {"SELECT FROM", "SELECT no_such_column FROM sys.databases", "SELECT @missing"}) {
        const Reply reply = server.ask(std::string("DECLARE @h int; EXEC sp_prepare @h OUTPUT, NULL, N'") + text +
                                       "'; SELECT @h AS handle; EXEC sp_execute @h");
        const Numbers errors = errors_of(reply);
        ASSERT_EQ(errors.size(), 3U) << text;
        EXPECT_EQ(errors[1], 8180) << text;
        EXPECT_EQ(errors[2], 8179) << text;
        const auto sets = sets_of(reply);
        ASSERT_EQ(sets.size(), 1U) << text;
        EXPECT_EQ(sets[0].rows, (std::vector<Row>{{Cell{}}})) << text;
    }
}

// As in the text itself: a missing table ends the prepared text, a denied one its statement, a deadlock everything.
TEST(Prepared, ErrorsReachAsFarAsInTheTextItself) {
    Asker server;
    const auto run = [&](const std::string& text) {
        const Reply reply = server.ask("DECLARE @h int; EXEC sp_prepare @h OUTPUT, NULL, N'SELECT 1 AS a; " + text +
                                       "; SELECT 3 AS c'; EXEC sp_execute @h; SELECT 4 AS d");
        std::string names;
        for (const ResultSet& set : sets_of(reply))
            names += set.columns.front().name;
        for (const int number : errors_of(reply))
            names += " " + std::to_string(number);
        return names;
    };
    EXPECT_EQ(run("SELECT x FROM sys.no_such_view"), "ad 208");
    EXPECT_EQ(run("EXEC tds_server.raise 229"), "acd 229");
    EXPECT_EQ(run("SELECT 1 / 0 AS b"), "acd 8134");
    server.engine->disturb("sys.dm_os_wait_stats", std::chrono::milliseconds(0), 1205);
    EXPECT_EQ(run("SELECT wait_type AS b FROM sys.dm_os_wait_stats"), "a 1205");
}

TEST(Prepared, SettingsEndWithIt) {
    Asker server;
    server.ask("DECLARE @h int; EXEC sp_prepare @h OUTPUT, NULL, N'SET ROWCOUNT 1; SELECT name FROM sys.databases'");
    const auto sets = sets_of(server.ask("EXEC sp_execute 1; SELECT name FROM sys.databases"));
    ASSERT_EQ(sets.size(), 2U);
    EXPECT_EQ(sets[0].rows.size(), 1U);
    EXPECT_GT(sets[1].rows.size(), 1U);
}

TEST(Prepared, MayBeForbidden) {
    ServerProfile profile;
    profile.prepare = false;
    Asker server(profile);
    const Reply reply = server.ask(prepare_two + "SELECT @h AS handle; EXEC sp_execute @h");
    EXPECT_EQ(errors_of(reply), (Numbers{229, 8179}));
    EXPECT_EQ(sets_of(reply).size(), 1U);
}

TEST(Prepared, WhatItReadsMovesTheStepsOn) {
    EngineOptions options = test_options();
    options.replay = Replay::steps;
    Asker server(std::move(options));
    const std::string text = "SELECT ms_ticks FROM sys.dm_os_sys_info";
    const auto ticks = [&](const std::string& sql) { return std::get<std::int64_t>(server.value_of(sql)); };
    const auto first = ticks(text);
    const auto second = ticks("DECLARE @h int; EXEC sp_prepare @h OUTPUT, NULL, N'" + text + "'; EXEC sp_execute @h");
    EXPECT_EQ(second - first, 60'000);
    EXPECT_EQ(ticks("EXEC sp_execute 1") - second, 60'000);
    server.ask("DECLARE @h int; EXEC sp_prepare @h OUTPUT, NULL, N'" + text + "'");
    EXPECT_EQ(ticks("EXEC sp_execute 2") - second, 120'000) << "to prepare is not to read";
}

}  // namespace
}  // namespace tds_server
