// T-SQL by meaning, on the recorded fixture.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tds_server/fixture_engine.h"

namespace tds_server {
namespace {

std::shared_ptr<const Fixture> fixture() {
    static const std::shared_ptr<const Fixture> loaded = Fixture::load(VITALS_FIXTURES "/mssql-fixture.json");
    return loaded;
}

std::unique_ptr<FixtureEngine> engine(bool may_view_state = true) {
    EngineOptions options;
    options.fixture = fixture();
    options.replay = Replay::poll2;
    options.profile.view_state = may_view_state;
    return make_fixture_engine(std::move(options));
}

Reply ask(std::string_view sql, bool may_view_state = true) {
    ClientContext client;
    client.spid = 71;
    client.login = "monitor";
    client.encrypted = true;
    return engine(may_view_state)->execute(sql, client);
}

ResultSet set_of(std::string_view sql) {
    const Reply reply = ask(sql);
    if (reply.size() != 1 || !std::holds_alternative<ResultSet>(reply.front())) {
        const auto* message = reply.empty() ? nullptr : std::get_if<ServerMessage>(&reply.front());
        ADD_FAILURE() << sql << ": " << (message != nullptr ? message->text : "not one result set");
        return {};
    }
    return std::get<ResultSet>(reply.front());
}

Cell value_of(std::string_view sql) {
    const ResultSet set = set_of(sql);
    if (set.rows.size() != 1 || set.rows.front().size() != 1) {
        ADD_FAILURE() << sql << ": not one value";
        return {};
    }
    return set.rows.front().front();
}

int error_of(std::string_view sql, bool may_view_state = true) {
    const Reply reply = ask(sql, may_view_state);
    for (const ReplyPart& part : reply) {
        const auto* message = std::get_if<ServerMessage>(&part);
        if (message != nullptr && message->level > 10) return message->number;
    }
    return 0;
}

Cell integer(std::int64_t value) {
    return Cell{value};
}

TEST(Evaluator, SelectsColumnsWithAliases) {
    const ResultSet set =
        set_of("SELECT ms_ticks AS sysinfo, cpu_count, [process_user_time_ms] t FROM sys.dm_os_sys_info");
    ASSERT_EQ(set.columns.size(), 3U);
    EXPECT_EQ(set.columns[0].name, "sysinfo");
    EXPECT_EQ(set.columns[0].type.type, SqlType::bigint);
    EXPECT_FALSE(set.columns[0].type.nullable);
    EXPECT_EQ(set.columns[1].name, "cpu_count");
    EXPECT_EQ(set.columns[1].type.type, SqlType::integer);
    EXPECT_EQ(set.columns[2].name, "t");
    ASSERT_EQ(set.rows.size(), 1U);
    EXPECT_EQ(set.rows[0], (Row{integer(864180000), integer(8), integer(1866420000)}));
}

TEST(Evaluator, SelectsAllColumns) {
    const ResultSet set = set_of("SELECT * FROM sys.databases");
    EXPECT_EQ(set.columns.size(), 34U);
    EXPECT_EQ(set.columns[0].type.type, SqlType::nvarchar);
    EXPECT_EQ(set.columns[0].type.length, 128);
    EXPECT_EQ(set.rows.size(), 7U);
}

TEST(Evaluator, PadsNcharColumns) {
    const std::string where = " FROM sys.dm_os_performance_counters WHERE counter_name = N'batch requests/SEC'";
    const std::string padded = std::get<std::string>(value_of("SELECT counter_name" + where));
    EXPECT_EQ(padded.size(), 128U);
    EXPECT_EQ(value_of("SELECT RTRIM(counter_name)" + where), Cell{"Batch Requests/sec"});
    EXPECT_EQ(value_of("SELECT RTRIM(object_name)" + where), Cell{"SQLServer:SQL Statistics"});
    EXPECT_EQ(set_of("SELECT RTRIM(counter_name)" + where).columns[0].type.type, SqlType::nvarchar);
}

TEST(Evaluator, Filters) {
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.databases WHERE database_id IN (1, 2, 99)"), integer(2));
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.databases WHERE database_id NOT IN (1, 2, 99)"), integer(5));
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.databases WHERE database_id > 4 AND name <> N'warehouse'"),
              integer(2));
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.databases WHERE database_id = 1 OR NOT database_id < 7"), integer(2));
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.databases WHERE database_id BETWEEN 2 AND 3"), integer(2));
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.databases WHERE name LIKE N'%dB'"), integer(3));
    EXPECT_EQ(value_of("SELECT CASE WHEN N'abcbd' LIKE N'%%B_' THEN 1 ELSE 0 END"), integer(1));
    EXPECT_EQ(value_of("SELECT CASE WHEN N'abcbd' LIKE N'%[bc]c%' THEN 1 ELSE 0 END"), integer(1));
    EXPECT_EQ(value_of("SELECT CASE WHEN N'abcbd' LIKE N'%b' OR N'' LIKE N'%x%' THEN 1 ELSE 0 END"), integer(0));
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.databases WHERE create_date < '2004-01-01'"), integer(2));
}

TEST(Evaluator, NullIsNeitherEqualNorUnequal) {
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.databases WHERE collation_name = collation_name"), integer(6));
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.databases WHERE NOT collation_name = N'x'"), integer(6));
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.databases WHERE collation_name IS NULL"), integer(1));
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.databases WHERE collation_name IS NOT NULL"), integer(6));
}

TEST(Evaluator, IgnoresCollationsAndHints) {
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.databases WITH (NOLOCK) "
                       "WHERE name COLLATE Latin1_General_CI_AS IN (N'MASTER') OPTION (RECOMPILE, MAXDOP 1)"),
              integer(1));
}

TEST(Evaluator, JoinsOuterAndInner) {
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.databases d LEFT JOIN sys.dm_io_virtual_file_stats(NULL, NULL) AS f "
                       "ON d.database_id = f.database_id WHERE f.file_id IS NULL"),
              integer(1));
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.databases d JOIN sys.dm_io_virtual_file_stats(NULL, NULL) AS f "
                       "ON d.database_id = f.database_id"),
              value_of("SELECT COUNT(*) FROM sys.dm_io_virtual_file_stats(NULL, NULL) WHERE database_id < 1000"));
    const ResultSet set =
        set_of("SELECT TOP 1 d.name FROM sys.databases d LEFT JOIN sys.databases e ON e.database_id = 99");
    EXPECT_FALSE(set.columns[0].type.nullable);
}

TEST(Evaluator, TableFunctionsTakeTheirFirstColumnsAsArguments) {
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.dm_io_virtual_file_stats(1, 1)"), integer(1));
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.master_files f "
                       "CROSS APPLY sys.dm_os_volume_stats(f.database_id, f.file_id) v"),
              integer(17));
}

TEST(Evaluator, OrdersAndLimits) {
    const ResultSet set =
        set_of("SELECT TOP (2) [timestamp] AS t FROM sys.dm_os_ring_buffers ORDER BY [timestamp] DESC");
    ASSERT_EQ(set.rows.size(), 2U);
    EXPECT_GT(std::get<std::int64_t>(set.rows[0][0]), std::get<std::int64_t>(set.rows[1][0]));
    EXPECT_EQ(set_of("SELECT name FROM sys.databases ORDER BY 1").rows[0][0], Cell{"Archive.2019"});
    EXPECT_EQ(set_of("SELECT collation_name FROM sys.databases ORDER BY collation_name").rows[0][0], Cell{});
}

TEST(Evaluator, Aggregates) {
    EXPECT_EQ(value_of("SELECT MAX(database_id) FROM sys.databases"), integer(7));
    EXPECT_EQ(value_of("SELECT SUM(database_id) FROM sys.databases WHERE 1 = 0"), Cell{});
    const ResultSet set = set_of(
        "SELECT recovery_model_desc AS model, COUNT(*) AS n FROM sys.databases "
        "GROUP BY recovery_model_desc HAVING COUNT(*) > 1 ORDER BY n DESC");
    ASSERT_EQ(set.rows.size(), 2U);
    EXPECT_EQ(set.rows[0], (Row{Cell{"SIMPLE"}, integer(4)}));
    EXPECT_EQ(set_of("SELECT DISTINCT recovery_model FROM sys.databases").rows.size(), 2U);
}

TEST(Evaluator, ConvertsTypes) {
    EXPECT_EQ(value_of("SELECT CAST('42' AS int)"), integer(42));
    EXPECT_EQ(value_of("SELECT CONVERT(nvarchar(3), N'abcdef')"), Cell{"abc"});
    EXPECT_EQ(value_of("SELECT CAST(1.256 AS decimal(10,2))"), Cell{"1.26"});
    EXPECT_EQ(value_of("SELECT CAST('2026-03-02' AS datetime)"), Cell{"2026-03-02T00:00:00.000"});
    EXPECT_EQ(value_of("SELECT CAST(NULL AS int)"), Cell{});
    EXPECT_EQ(set_of("SELECT CAST(1 AS bigint) AS x").columns[0].type.type, SqlType::bigint);
    EXPECT_EQ(error_of("SELECT CAST(N'x' AS int)"), 245);
    EXPECT_EQ(error_of("SELECT CAST(300 AS tinyint)"), 8115);
}

TEST(Evaluator, Computes) {
    EXPECT_EQ(value_of("SELECT 7 / 2 + -1"), integer(2));
    EXPECT_EQ(value_of("SELECT 7.0 / 2"), Cell{3.5});
    EXPECT_EQ(value_of("SELECT N'a' + N'b'"), Cell{"ab"});
    EXPECT_EQ(value_of("SELECT CASE WHEN 1 = 2 THEN N'x' ELSE N'y' END"), Cell{"y"});
    EXPECT_EQ(value_of("SELECT CASE 3 WHEN 3 THEN 1 END"), integer(1));
    EXPECT_EQ(value_of("SELECT ISNULL(NULL, 5)"), integer(5));
    EXPECT_EQ(value_of("SELECT DATEDIFF(second, '2026-03-02T10:00:00', '2026-03-02T10:01:00')"), integer(60));
    EXPECT_EQ(error_of("SELECT 1 / 0"), 8134);
    EXPECT_EQ(error_of("SELECT 9223372036854775807 + 1"), 8115);
}

TEST(Evaluator, AnswersServerFunctions) {
    EXPECT_EQ(value_of("SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128))"), Cell{"16.0.4105.2"});
    EXPECT_EQ(value_of("SELECT CAST(SERVERPROPERTY('EngineEdition') AS int)"), integer(3));
    EXPECT_EQ(value_of("SELECT SERVERPROPERTY('NoSuchThing')"), Cell{});
    EXPECT_EQ(value_of("SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE')"), integer(1));
    EXPECT_EQ(value_of("SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'NO SUCH PERMISSION')"), Cell{});
    EXPECT_EQ(value_of("SELECT @@SPID"), integer(71));
    EXPECT_EQ(value_of("SELECT SYSUTCDATETIME()"), Cell{"2026-03-02T10:01:00.0000000"});
    EXPECT_EQ(value_of("SELECT GETDATE()"), Cell{"2026-03-02T11:01:00.000"});
    EXPECT_EQ(value_of("SELECT SUSER_SNAME()"), Cell{"monitor"});
    EXPECT_EQ(value_of("SELECT DB_NAME(5)"), Cell{"SalesDB"});
    EXPECT_NE(std::get<std::string>(value_of("SELECT @@VERSION")).find("16.0.4105.2"), std::string::npos);
}

TEST(Evaluator, ShowsTheSessionThatAsks) {
    EXPECT_EQ(value_of("SELECT encrypt_option FROM sys.dm_exec_connections WHERE session_id = @@SPID"), Cell{"TRUE"});
    EXPECT_EQ(value_of("SELECT COUNT(*) FROM sys.dm_exec_requests WHERE session_id = @@SPID"), integer(1));
    ClientContext plain;
    const Reply reply =
        engine()->execute("SELECT encrypt_option FROM sys.dm_exec_connections WHERE session_id = @@SPID", plain);
    EXPECT_EQ(std::get<ResultSet>(reply.at(0)).rows.at(0).at(0), Cell{"FALSE"});
}

TEST(Evaluator, AcceptsSettings) {
    EXPECT_TRUE(ask("SET NOCOUNT ON; SET ANSI_NULLS ON; SET DEADLOCK_PRIORITY -10;\n"
                    "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; SET LOCK_TIMEOUT 1000")
                    .empty());
    EXPECT_EQ(ask("set textsize 2147483647\nset quoted_identifier on\nselect 1 set ansi_nulls on select 2").size(), 2U);
    EXPECT_TRUE(ask("IF @@TRANCOUNT > 0 COMMIT TRAN").empty());
    EXPECT_TRUE(ask("  -- nothing\n/* at all */ ;;").empty());
}

TEST(Evaluator, RefusesWhatItCannotParse) {
    EXPECT_EQ(error_of("SELEC 1"), 2812) << "as if it were a procedure";
    EXPECT_EQ(error_of("SELECT 1; SELEC 1"), 102);
    EXPECT_EQ(error_of("SELECT 1 FROM"), 102);
    EXPECT_EQ(error_of("SELECT (1"), 102);
    EXPECT_EQ(error_of("SELECT 1 FROM sys.databases WHERE name IN ()"), 102);
    EXPECT_EQ(error_of("SELECT 'open"), 105);
    EXPECT_EQ(error_of("SELECT 1 /* open"), 113);
    EXPECT_EQ(error_of("SELECT " + std::string(10'000, '(') + "1"), 191);
    std::string signs = "SELECT ";
    for (int i = 0; i < 10'000; ++i)
        signs += "- ";
    EXPECT_EQ(error_of(signs + "1"), 191);
}

// A batch that does not compile answers nothing but the error.
TEST(Evaluator, FindsUnknownColumnsBeforeRunning) {
    const Reply reply = ask("SELECT 1; SELECT nope FROM sys.databases");
    ASSERT_EQ(reply.size(), 1U);
    EXPECT_EQ(std::get<ServerMessage>(reply[0]).number, 207);
    EXPECT_EQ(std::get<ServerMessage>(reply[0]).text, "Invalid column name 'nope'.");
    EXPECT_EQ(error_of("SELECT NO_SUCH_FUNCTION(1)"), 195);
    EXPECT_EQ(error_of("SELECT x.name FROM sys.databases AS d"), 4104);
    EXPECT_EQ(error_of("SELECT database_id FROM sys.databases, sys.master_files"), 209);
}

// A missing table is noticed when its statement runs, and ends the batch.
TEST(Evaluator, StopsAtMissingTable) {
    const Reply reply = ask("SELECT 1; SELECT a FROM sys.dm_nope; SELECT 2");
    ASSERT_EQ(reply.size(), 2U);
    EXPECT_TRUE(std::holds_alternative<ResultSet>(reply[0]));
    EXPECT_EQ(std::get<ServerMessage>(reply[1]).number, 208);
    EXPECT_EQ(std::get<ServerMessage>(reply[1]).level, 16);
    EXPECT_EQ(std::get<ServerMessage>(reply[1]).text, "Invalid object name 'sys.dm_nope'.");
}

TEST(Evaluator, DeniesStateWithoutPermission) {
    const Reply reply = ask("SELECT ms_ticks FROM sys.dm_os_sys_info; SELECT 2", false);
    ASSERT_EQ(reply.size(), 3U);
    EXPECT_EQ(std::get<ServerMessage>(reply[0]).number, 300);
    EXPECT_EQ(std::get<ServerMessage>(reply[0]).level, 14);
    EXPECT_EQ(std::get<ServerMessage>(reply[1]).number, 297);
    EXPECT_TRUE(std::holds_alternative<ResultSet>(reply[2])) << "the batch goes on";
    EXPECT_EQ(error_of("SELECT encrypt_option FROM sys.dm_exec_connections", false), 300);
    EXPECT_EQ(error_of("SELECT name FROM sys.databases", false), 0);
}

TEST(Evaluator, ShowsOwnSessionOnlyWithoutPermission) {
    const Reply sessions = ask("SELECT session_id FROM sys.dm_exec_sessions", false);
    const auto& rows = std::get<ResultSet>(sessions.at(0)).rows;
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0][0], integer(71));
    const Reply permission = ask("SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE')", false);
    EXPECT_EQ(std::get<ResultSet>(permission.at(0)).rows.at(0).at(0), integer(0));
}

TEST(Evaluator, SamplesEveryType) {
    const ResultSet set = set_of("SELECT * FROM tds_server.all_types");
    EXPECT_EQ(set.columns.size(), 21U);
    ASSERT_EQ(set.rows.size(), 2U);
    for (std::size_t i = 0; i < set.columns.size(); ++i) {
        EXPECT_EQ(set.columns[i].type.type, static_cast<SqlType>(i)) << set.columns[i].name;
        EXPECT_NE(set.rows[0][i], Cell{}) << set.columns[i].name;
        EXPECT_EQ(set.rows[1][i], Cell{}) << set.columns[i].name;
    }
}

TEST(Evaluator, RunsProcedures) {
    const Reply reply = ask("EXEC tds_server.sample_procedure");
    ASSERT_EQ(reply.size(), 3U);
    EXPECT_EQ(std::get<ResultSet>(reply[0]).rows.size(), 2U);
    EXPECT_EQ(std::get<ServerMessage>(reply[1]).level, 0);
    EXPECT_EQ(std::get<ReturnStatus>(reply[2]).value, 7);
    const Reply raised = ask("EXECUTE tds_server.raise 1205");
    EXPECT_EQ(std::get<ServerMessage>(raised.at(0)).level, 13);
    EXPECT_EQ(std::get<ServerMessage>(raised.at(0)).state, 51);
    EXPECT_EQ(error_of("EXEC tds_server.raise 55555"), 55555);
    EXPECT_EQ(error_of("EXEC nope"), 2812);
    EXPECT_EQ(ask("EXEC sp_executesql N'SELECT 1; SELECT 2'").size(), 2U);
    EXPECT_EQ(std::get<ServerMessage>(ask("PRINT N'hello'").at(0)).text, "hello");
}

}  // namespace
}  // namespace tds_server
