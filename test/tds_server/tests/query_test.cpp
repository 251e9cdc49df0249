// Queries beyond one SELECT: groups, subqueries, unions, common tables, windows, variables.
#include "tds_server/tests/ask.h"

namespace tds_server {
namespace {

TEST(Query, GroupsAndFiltersGroups) {
    Asker server;
    const auto rows = server.rows_of(
        "SELECT d.recovery_model_desc AS model, COUNT(*) AS databases, COUNT(DISTINCT d.state) AS states, "
        "SUM(CASE WHEN d.state = 0 THEN 1 ELSE 0 END) AS online FROM sys.databases AS d "
        "GROUP BY d.recovery_model_desc HAVING COUNT(*) > 1 ORDER BY COUNT(*) DESC, model");
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0], (Row{Cell{"SIMPLE"}, integer(4), integer(1), integer(4)}));
    EXPECT_EQ(rows[1], (Row{Cell{"FULL"}, integer(3), integer(2), integer(2)}));
    EXPECT_EQ(server.error_of("SELECT name, COUNT(*) FROM sys.databases"), 8120);
    EXPECT_EQ(server.error_of("SELECT state + 1, COUNT(*) FROM sys.databases GROUP BY state"), 0);
    EXPECT_EQ(server.error_of("SELECT name FROM sys.databases WHERE COUNT(*) > 1"), 147);
    EXPECT_EQ(server.error_of("SELECT SUM(name) FROM sys.databases"), 8117);
    EXPECT_EQ(server.error_of("SELECT SUM(v) FROM (VALUES (2147483647), (1)) AS t(v)"), 8115) << "an int stays one";
    EXPECT_EQ(server.value_of("SELECT SUM(CAST(v AS bigint)) FROM (VALUES (2147483647), (1)) AS t(v)"),
              integer(2147483648));
}

TEST(Query, ReadsFromQueries) {
    Asker server;
    EXPECT_EQ(server.value_of("SELECT MAX(t.n) FROM (SELECT COUNT(*) AS n FROM sys.databases GROUP BY state) AS t"),
              integer(6));
    EXPECT_EQ(server.value_of("WITH online AS (SELECT name FROM sys.databases WHERE state = 0), few(n) AS "
                              "(SELECT TOP (2) name FROM online ORDER BY name) SELECT COUNT(*) FROM few"),
              integer(2));
    EXPECT_EQ(server.error_of("SELECT * FROM (SELECT COUNT(*) FROM sys.databases) AS t"), 8155) << "no name";
    EXPECT_EQ(server.error_of("SELECT * FROM (SELECT name FROM sys.databases ORDER BY name) AS t"), 1033);
    EXPECT_EQ(server.error_of("SELECT * FROM (SELECT name FROM sys.databases)"), 102) << "no alias";
}

TEST(Query, RepeatsCommonTables) {
    Asker server;
    const std::string chain =
        "WITH edges AS (SELECT session_id, blocking_session_id AS blocker FROM sys.dm_exec_requests WHERE "
        "blocking_session_id <> session_id), chain AS (SELECT session_id AS head, session_id, 0 AS depth FROM edges "
        "WHERE session_id = 69 UNION ALL SELECT c.head, e.session_id, c.depth + 1 FROM chain AS c INNER JOIN edges AS "
        "e "
        "ON e.blocker = c.session_id) ";
    const auto rows = server.rows_of(chain + "SELECT session_id, depth FROM chain WHERE head = 69 ORDER BY depth");
    EXPECT_EQ(rows,
              (std::vector<Row>{{integer(69), integer(0)}, {integer(84), integer(1)}, {integer(93), integer(2)}}));
    EXPECT_EQ(server.value_of(chain + "SELECT COUNT(*) FROM chain AS a INNER JOIN chain AS b ON b.depth = a.depth"),
              integer(3));
    const auto counted = [](const std::string& last) {
        return "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + last + ") SELECT COUNT(*) FROM n";
    };
    EXPECT_EQ(server.value_of(counted("101")), integer(101));
    EXPECT_EQ(server.error_of(counted("102")), 530) << "a hundred rounds";
}

TEST(Query, RefusesWhatARecursivePartMayNotHave) {
    Asker server;
    const auto error_of = [&](const std::string& part, const std::string& unite = "UNION ALL") {
        return server.error_of("WITH n(i) AS (SELECT 1 " + unite + " " + part + ") SELECT COUNT(*) FROM n");
    };
    EXPECT_EQ(error_of("SELECT i + 1 FROM n WHERE i < 3"), 0);
    EXPECT_EQ(error_of("SELECT i + 1 FROM n WHERE i < 3", "UNION"), 252);
    EXPECT_EQ(server.error_of("WITH n(i) AS (SELECT i FROM n) SELECT COUNT(*) FROM n"), 252);
    EXPECT_EQ(error_of("SELECT CAST(i + 1 AS bigint) FROM n WHERE i < 3"), 240);
    EXPECT_EQ(error_of("SELECT i, 1 FROM n WHERE i < 3"), 205);
    EXPECT_EQ(error_of("SELECT DISTINCT i + 1 FROM n WHERE i < 3"), 460);
    EXPECT_EQ(error_of("SELECT TOP (1) i + 1 FROM n WHERE i < 3"), 461);
    EXPECT_EQ(error_of("SELECT n.i + 1 FROM n LEFT JOIN sys.databases AS d ON d.database_id = n.i WHERE n.i < 3"), 462);
    EXPECT_EQ(error_of("SELECT MAX(i) FROM n WHERE i < 3"), 467);
}

TEST(Query, ComparesWithSubqueries) {
    Asker server;
    EXPECT_EQ(server.value_of("SELECT name FROM sys.databases AS d WHERE NOT EXISTS (SELECT 1 FROM "
                              "sys.dm_io_virtual_file_stats(NULL, NULL) AS f WHERE f.database_id = d.database_id)"),
              Cell{"Archive.2019"});
    EXPECT_EQ(
        server.value_of("SELECT COUNT(*) FROM sys.databases WHERE database_id IN (SELECT database_id FROM "
                        "sys.master_files WHERE type = 1)"),
        server.value_of("SELECT COUNT(DISTINCT database_id) FROM sys.master_files WHERE type = 1 AND database_id < 8"));
    EXPECT_EQ(server.value_of("SELECT (SELECT name FROM sys.databases WHERE database_id = 5)"), Cell{"SalesDB"});
    EXPECT_EQ(server.error_of("SELECT (SELECT name FROM sys.databases)"), 512);
    EXPECT_EQ(server.value_of("SELECT COUNT(*) FROM sys.databases AS d CROSS APPLY (SELECT TOP (1) f.name FROM "
                              "sys.master_files AS f WHERE f.database_id = d.database_id ORDER BY f.file_id) AS f"),
              integer(6));
}

TEST(Query, UnitesQueries) {
    Asker server;
    EXPECT_EQ(server.rows_of("SELECT 1 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 ORDER BY n DESC").size(), 3U);
    EXPECT_EQ(server.rows_of("SELECT 1 AS n UNION SELECT 1 UNION SELECT 2").size(), 2U);
    EXPECT_EQ(server.error_of("SELECT 1, 2 UNION ALL SELECT 1"), 205);
}

TEST(Query, NumbersRows) {
    Asker server;
    const auto rows = server.rows_of(
        "SELECT t.name, t.n FROM (SELECT name, ROW_NUMBER() OVER (PARTITION BY state ORDER BY database_id DESC) AS n "
        "FROM sys.databases) AS t WHERE t.n = 1 ORDER BY t.name");
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[1][0], Cell{"Warehouse"});
    EXPECT_EQ(server.value_of("SELECT TOP (1) COUNT(*) OVER () FROM sys.databases"), integer(7));
}

TEST(Query, KeepsVariables) {
    Asker server;
    EXPECT_EQ(server.value_of("DECLARE @n int = 2, @t nvarchar(10); SET @n = @n + 1; "
                              "SELECT @t = name FROM sys.databases WHERE database_id = @n; SELECT @t + N'!'"),
              Cell{"model!"});
    EXPECT_EQ(server.error_of("SELECT @nope"), 137);
    EXPECT_EQ(server.value_of("EXEC sys.sp_executesql N'SELECT @a + @b', N'@a int, @b int', @b = 2, @a = 40"),
              integer(42));
}

TEST(Query, CountsTime) {
    Asker server;
    EXPECT_EQ(server.value_of("SELECT DATEDIFF(minute, GETUTCDATE(), GETDATE())"), integer(60));
    EXPECT_EQ(server.value_of("SELECT DATEDIFF(day, '2026-02-28T23:59:00', '2026-03-01T00:01:00')"), integer(1));
    EXPECT_EQ(server.value_of("SELECT CONVERT(varchar(8), DATEADD(month, 1, CAST('2026-01-31' AS datetime)), 112)"),
              Cell{"20260228"});
    EXPECT_EQ(server.error_of("SELECT DATEDIFF(ms, '19000101', GETDATE())"), 535);
    EXPECT_EQ(server.value_of("SELECT COUNT(*) FROM sys.databases WHERE create_date > GETDATE() - 20"), integer(1));
}

// What ends only a statement, what ends a text, and what ends everything.
TEST(Query, ErrorsReachAsFarAsOnARealServer) {
    Asker server;
    const auto sets = [](const Reply& reply) {
        return std::count_if(reply.begin(), reply.end(),
                             [](const ReplyPart& part) { return std::holds_alternative<ResultSet>(part); });
    };
    EXPECT_EQ(sets(server.ask("SELECT 1/0; SELECT 2")), 1);
    EXPECT_EQ(sets(server.ask("EXEC dbo.nope; SELECT 2")), 1);
    EXPECT_EQ(sets(server.ask("SELECT 1; SELECT a FROM sys.nope; SELECT 2")), 1);
    EXPECT_EQ(sets(server.ask("SELECT 1; EXEC sys.sp_executesql N'SELECT a FROM sys.nope; SELECT 3'; SELECT 2")), 2);
    EXPECT_EQ(sets(server.ask("SELECT 1; EXEC sys.sp_executesql N'SELECT 1 FROM'; SELECT 2")), 2);
    EXPECT_EQ(sets(server.ask("SELECT 1; EXEC sys.sp_executesql N'SELECT nope FROM sys.databases'; SELECT 2")), 2);
    EXPECT_EQ(sets(server.ask("SELECT 1; SELECT CAST(N'x' AS int); SELECT 2")), 1);
    EXPECT_EQ(sets(server.ask("SELECT 1; EXEC sys.sp_executesql N'SELECT CAST(N''x'' AS int)'; SELECT 2")), 1);
    EXPECT_EQ(server.value_of("SELECT TRY_CAST(N'x' AS int)"), Cell{});
    // A text that is no date is an error only where a row meets it.
    EXPECT_EQ(server.error_of("SELECT name FROM sys.databases WHERE create_date > 'x'"), 241);
    EXPECT_EQ(server.error_of("SELECT name FROM sys.databases WHERE database_id < 0 AND create_date > 'x'"), 0);
    EXPECT_EQ(server.value_of("BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH SELECT ERROR_NUMBER() AS n END CATCH"),
              integer(8134));
}

TEST(Query, ComparesAsTheCollationDoes) {
    ServerProfile sensitive;
    sensitive.collation = "Latin1_General_CS_AS";
    Asker exact(sensitive);
    EXPECT_EQ(exact.error_of("SELECT Name FROM sys.databases"), 207);
    EXPECT_EQ(exact.error_of("SELECT name FROM sys.Databases"), 208);
    EXPECT_EQ(exact.value_of("SELECT COUNT(*) FROM sys.databases WHERE name = N'salesdb'"), integer(0));
    EXPECT_EQ(exact.value_of("SELECT COUNT(*) FROM sys.databases WHERE name COLLATE Latin1_General_CI_AS = N'salesdb'"),
              integer(1));
    EXPECT_EQ(
        exact.value_of("SELECT COUNT(*) FROM sys.databases WHERE name COLLATE Latin1_General_CI_AS IN (N'salesdb')"),
        integer(1));

    ServerProfile turkish;
    turkish.collation = "Turkish_CI_AS";
    Asker ankara(turkish);
    EXPECT_EQ(ankara.value_of("SELECT COUNT(*) FROM sys.dm_os_wait_stats WHERE wait_type = N'WRITELOG'"), integer(1));
    EXPECT_EQ(ankara.value_of("SELECT COUNT(*) FROM sys.dm_os_wait_stats WHERE wait_type = N'writelog'"), integer(0));
    EXPECT_EQ(
        ankara.value_of(
            "SELECT COUNT(*) FROM sys.dm_os_wait_stats WHERE wait_type COLLATE Latin1_General_CI_AS = N'writelog'"),
        integer(1));
    EXPECT_EQ(ankara.error_of("SELECT FILE_ID FROM sys.master_files"), 207) << "the capital of i is not I";
    EXPECT_EQ(ankara.error_of("SELECT NAME FROM sys.master_files"), 0);
    EXPECT_EQ(exact.error_of("SELECT 1 WHERE N'a' COLLATE Latin1_General_BIN2 = N'b' COLLATE Turkish_CI_AS"), 468);
    EXPECT_EQ(exact.error_of("SELECT 1 WHERE N'a' COLLATE No_Such_Collation = N'b'"), 448);
}

}  // namespace
}  // namespace tds_server
