// Kinds of servers, rights of logins, procedures, and what happens to a server.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tds_server/profile_settings.h"
#include "tds_server/tests/ask.h"

namespace tds_server {
namespace {

ServerProfile of_version(int version) {
    ServerProfile profile;
    profile.version = version;
    return profile;
}
ServerProfile of_edition(int edition) {
    ServerProfile profile;
    profile.edition = edition;
    return profile;
}

TEST(Profile, OldVersionsLackViewsAndColumns) {
    Asker old(of_version(11));
    EXPECT_EQ(old.value_of("SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128))"), Cell{"11.0.7507.2"});
    EXPECT_EQ(old.error_of("SELECT * FROM sys.dm_tran_persistent_version_store_stats"), 208);
    EXPECT_EQ(old.error_of("SELECT secondary_lag_seconds FROM sys.dm_hadr_database_replica_states"), 207);
    EXPECT_EQ(old.error_of("SELECT is_primary_replica FROM sys.dm_hadr_database_replica_states"), 207);
    EXPECT_EQ(old.error_of("SELECT host_platform FROM sys.dm_os_host_info"), 208);
    EXPECT_EQ(old.value_of("SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER PERFORMANCE STATE')"), Cell{});
    EXPECT_EQ(old.set_of("SELECT sample_ms FROM sys.dm_io_virtual_file_stats(1, 1)").columns[0].type.type,
              SqlType::integer);
    Asker newer(of_version(15));
    EXPECT_EQ(newer.error_of("SELECT * FROM sys.dm_tran_persistent_version_store_stats"), 0);
    EXPECT_EQ(newer.error_of("SELECT secondary_lag_seconds FROM sys.dm_hadr_database_replica_states"), 0);
}

TEST(Profile, AzureSqlDatabaseIsAnotherWorld) {
    Asker azure(of_edition(edition_azure_database));
    azure.client.database = "SalesDB";
    EXPECT_EQ(azure.value_of("SELECT CAST(SERVERPROPERTY('EngineEdition') AS int)"), integer(5));
    EXPECT_EQ(azure.value_of("SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128))"), Cell{"12.0.2000.8"});
    EXPECT_EQ(azure.value_of("SELECT TOP (1) avg_cpu_percent FROM sys.dm_db_resource_stats ORDER BY end_time DESC"),
              Cell{"20.00"});
    EXPECT_EQ(azure.error_of("SELECT name FROM sys.master_files"), 208);
    EXPECT_EQ(azure.error_of("SELECT name FROM msdb.dbo.sysjobs"), 40515);
    EXPECT_EQ(azure.error_of("USE master"), 40508);
    EXPECT_EQ(azure.value_of("SELECT DATEDIFF(minute, GETUTCDATE(), GETDATE())"), integer(0));
    EXPECT_GT(azure.rows_of("SELECT name FROM sys.database_files").size(), 1U);
    EXPECT_EQ(Asker().error_of("SELECT * FROM sys.dm_db_resource_stats"), 208);
    Asker managed(of_edition(edition_managed_instance));
    EXPECT_EQ(managed.rows_of("SELECT avg_cpu_percent FROM master.sys.server_resource_stats").size(), 4U);
    EXPECT_EQ(managed.error_of("SELECT name FROM msdb.dbo.sysjobs"), 0);
}

TEST(Profile, LinuxNamedInstancesAndMissingCounters) {
    ServerProfile profile;
    profile.linux_host = true;
    profile.instance = "PAYROLL";
    Asker server(profile);
    EXPECT_EQ(server.value_of("SELECT host_platform FROM sys.dm_os_host_info"), Cell{"Linux"});
    EXPECT_EQ(
        server.value_of("SELECT COUNT(*) FROM sys.dm_os_ring_buffers WHERE record LIKE N'%<SystemHealth>%' AND record "
                        "NOT LIKE N'%<SystemIdle>0<%'"),
        integer(0));
    EXPECT_EQ(server.value_of("SELECT @@SERVERNAME"), Cell{"SQLPROD01\\PAYROLL"});
    EXPECT_EQ(server.value_of("SELECT RTRIM(object_name) FROM sys.dm_os_performance_counters WHERE counter_name = "
                              "N'Batch Requests/sec'"),
              Cell{"MSSQL$PAYROLL:SQL Statistics"});
    profile = {};
    profile.counters = false;
    EXPECT_EQ(Asker(profile).value_of("SELECT COUNT(*) FROM sys.dm_os_performance_counters"), integer(0));
    profile = {};
    profile.hostile_names = true;
    EXPECT_EQ(Asker(profile).value_of("SELECT name FROM sys.databases WHERE database_id = 5"),
              Cell{"Sales'); DROP TABLE x--"});
}

TEST(Profile, RightsHideOrRefuse) {
    ServerProfile profile;
    profile.msdb = false;
    profile.view_definition = false;
    profile.all_databases = false;
    Asker server(profile);
    EXPECT_EQ(server.error_of("SELECT name FROM msdb.dbo.sysjobs"), 229);
    EXPECT_EQ(server.value_of("SELECT HAS_PERMS_BY_NAME(N'msdb.dbo.sysjobs', N'OBJECT', N'SELECT')"), integer(0));
    EXPECT_EQ(server.value_of("SELECT COUNT(*) FROM sys.master_files"), integer(0));
    EXPECT_EQ(server.error_of("SELECT name FROM SalesDB.sys.database_files"), 916);
    EXPECT_EQ(server.error_of("USE [Archive.2019]"), 942);
    EXPECT_EQ(server.error_of("USE nope"), 911);
    EXPECT_EQ(server.error_of("SELECT name FROM nope.sys.database_files"), 208);
    profile = of_version(15);
    profile.view_state = false;
    const Reply reply = Asker(profile).ask("SELECT ms_ticks FROM sys.dm_os_sys_info");
    EXPECT_EQ(std::get<ServerMessage>(reply.at(0)).text,
              "VIEW SERVER STATE permission was denied on object 'server', database 'master'.");
}

TEST(Profile, SettingsHaveNames) {
    ServerProfile profile;
    set_profile_option(profile, "version=2019");
    set_profile_option(profile, "linux");
    set_profile_option(profile, "view_state=false");
    EXPECT_EQ(profile.version, 15);
    EXPECT_TRUE(profile.linux_host);
    EXPECT_FALSE(profile.view_state);
    EXPECT_THROW(set_profile_option(profile, "version=2001"), std::invalid_argument);
    EXPECT_THROW(set_profile_option(profile, "edition=7"), std::invalid_argument);
    EXPECT_THROW(set_profile_option(profile, "collation=Klingon_CI_AS"), std::invalid_argument);
    EXPECT_THROW(set_profile_option(profile, "linux=maybe"), std::invalid_argument);
    EXPECT_THROW(set_profile_option(profile, "nope"), std::invalid_argument);
}

TEST(Procedures, AreMadeByAnAdministratorAndRunForOthers) {
    ServerProfile profile;
    profile.view_state = false;
    Asker server(profile);
    const char* schema = "IF SCHEMA_ID(N'vitals') IS NULL EXEC(N'CREATE SCHEMA vitals');";
    const char* procedure =
        "CREATE PROCEDURE vitals.collect_clock AS BEGIN SET NOCOUNT ON; SELECT ms_ticks FROM sys.dm_os_sys_info; END";
    EXPECT_EQ(server.error_of(schema), 262);
    EXPECT_EQ(Asker::error_in(server.ask_as_administrator(schema)), 0);
    EXPECT_EQ(Asker::error_in(server.ask_as_administrator(schema)), 0) << "twice";
    EXPECT_EQ(Asker::error_in(server.ask_as_administrator(procedure)), 0);
    EXPECT_EQ(Asker::error_in(server.ask_as_administrator(procedure)), 2714);
    EXPECT_EQ(server.error_of("EXEC vitals.collect_clock"), 229);
    server.ask_as_administrator("GRANT EXECUTE ON SCHEMA::vitals TO monitor");
    EXPECT_EQ(server.error_of("EXEC vitals.collect_clock"), 300) << "runs with its caller's rights";
    server.ask_as_administrator("ADD SIGNATURE TO vitals.collect_clock BY CERTIFICATE vitals WITH PASSWORD = N'x'");
    EXPECT_EQ(server.error_of("EXEC vitals.collect_clock"), 0);
    EXPECT_EQ(server.ask("EXEC vitals.collect_clock").size(), 2U);
    server.ask_as_administrator("ALTER PROCEDURE vitals.collect_clock AS SELECT ms_ticks FROM sys.dm_os_sys_info");
    EXPECT_EQ(server.error_of("EXEC vitals.collect_clock"), 300) << "a change takes the signature away";
    EXPECT_EQ(server.error_of("EXEC vitals.collect_nothing"), 2812);
    EXPECT_NE(server.value_of("SELECT OBJECT_ID(N'vitals.collect_clock', N'P')"), Cell{});
    EXPECT_EQ(server.value_of("SELECT OBJECT_ID(N'vitals.nope')"), Cell{});
    EXPECT_EQ(Asker::error_in(server.ask_as_administrator("SELECT 1; CREATE PROCEDURE vitals.x AS SELECT 1")), 111);
    EXPECT_EQ(Asker::error_in(server.ask_as_administrator("CREATE PROCEDURE vitals.x AS SELEC 1")), 102);
    EXPECT_EQ(Asker::error_in(server.ask_as_administrator("DROP PROCEDURE vitals.collect_clock")), 0);
    EXPECT_EQ(server.error_of("EXEC vitals.collect_clock"), 2812);
}

TEST(Happenings, WaitsAreClearedAndFilesReset) {
    Asker server;
    const char* waits = "SELECT wait_time_ms FROM sys.dm_os_wait_stats WHERE wait_type = N'WRITELOG'";
    const char* reads = "SELECT SUM(num_of_reads) FROM sys.dm_io_virtual_file_stats(5, NULL)";
    const char* others = "SELECT SUM(num_of_reads) FROM sys.dm_io_virtual_file_stats(6, NULL)";
    const Cell before = server.value_of(others);
    EXPECT_EQ(server.error_of("DBCC SQLPERF('sys.dm_os_wait_stats', CLEAR)"), 297);
    server.ask_as_administrator("DBCC SQLPERF('sys.dm_os_wait_stats', CLEAR)");
    EXPECT_EQ(server.value_of(waits), integer(0));
    EXPECT_TRUE(server.engine->reset_files("SalesDB"));
    EXPECT_FALSE(server.engine->reset_files("nope"));
    EXPECT_EQ(server.value_of(reads), integer(0));
    EXPECT_EQ(server.value_of(others), before);
}

TEST(Happenings, AFileIsNew) {
    Asker server;
    const char* files = "SELECT COUNT(*) FROM sys.dm_io_virtual_file_stats(NULL, NULL)";
    const char* names = "SELECT COUNT(*) FROM sys.master_files WHERE name = N'WH_data1'";
    const auto all = std::get<std::int64_t>(server.value_of(files));
    EXPECT_FALSE(server.engine->miss_file("nope"));
    EXPECT_TRUE(server.engine->miss_file("WH_data1"));
    EXPECT_EQ(server.value_of(files), integer(all - 1));
    EXPECT_EQ(server.value_of(names), integer(0));
    EXPECT_TRUE(server.engine->miss_file(""));
    EXPECT_EQ(server.value_of(files), integer(all));
    EXPECT_EQ(server.value_of(names), integer(1));
}

TEST(Happenings, TimeStopsAndJumps) {
    EngineOptions options = test_options();
    options.replay = Replay::steps;
    Asker server(std::move(options));
    const char* clock = "SELECT ms_ticks FROM sys.dm_os_sys_info";
    const Cell first = server.value_of(clock);
    EXPECT_EQ(server.value_of(clock), integer(std::get<std::int64_t>(first) + 60'000));
    server.engine->freeze(true);
    EXPECT_EQ(server.value_of(clock), integer(std::get<std::int64_t>(first) + 60'000));
    server.engine->freeze(false);
    server.engine->advance(std::chrono::milliseconds(3'600'000));
    EXPECT_EQ(server.value_of(clock), integer(std::get<std::int64_t>(first) + 3'720'000));
}

TEST(Happenings, ViewsAreSlowOrFail) {
    Asker server;
    server.engine->disturb("sys.dm_os_wait_stats", std::chrono::milliseconds(700), 1222);
    const Reply reply = server.ask("SELECT 1; SELECT wait_type FROM sys.dm_os_wait_stats; SELECT 2");
    ASSERT_EQ(reply.size(), 4U);
    EXPECT_EQ(std::get<Pause>(reply[1]).time.count(), 700);
    EXPECT_EQ(std::get<ServerMessage>(reply[2]).number, 1222);
    EXPECT_EQ(std::get<ServerMessage>(reply[2]).state, 56);
    server.engine->disturb("", {}, 0);
    EXPECT_EQ(server.error_of("SELECT wait_type FROM sys.dm_os_wait_stats"), 0);
}

EngineOptions sharing(const std::shared_ptr<SharedMemory>& memory, const char* name) {
    EngineOptions options = test_options();
    options.memory = memory;
    options.share_results = true;
    options.server_name = name;
    return options;
}

Cell shared_cell(const Reply& reply, std::size_t part) {
    return std::get<SharedResultPtr>(reply.at(part))->set.rows.at(0).at(0);
}

// Equal servers at equal moments answer from one memory, but never with each other's names.
TEST(Sharing, OnlyWhatIsEqual) {
    const auto memory = make_shared_memory(test_fixture());
    const auto make = [&](const char* name) { return make_fixture_engine(sharing(memory, name)); };
    const auto a = make("A");
    const auto b = make("B");
    const auto cell = [](const Reply& reply) { return std::get<SharedResultPtr>(reply.at(0))->set.rows.at(0).at(0); };
    ClientContext one;
    one.spid = 51;
    ClientContext two;
    two.spid = 52;
    const char* counters = "SELECT COUNT(*) FROM sys.dm_os_performance_counters";
    EXPECT_EQ(cell(a->execute(counters, one)), cell(b->execute(counters, two)));
    EXPECT_EQ(a->reuse().recalled + b->reuse().recalled, 1U);
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(cell(a->execute("SELECT @@SERVERNAME", one)), Cell{"A"});
        EXPECT_EQ(cell(b->execute("SELECT @@SERVERNAME", one)), Cell{"B"});
        EXPECT_EQ(cell(a->execute("SELECT @@SPID", one)), integer(51));
        EXPECT_EQ(cell(a->execute("SELECT @@SPID", two)), integer(52));
    }
    ServerProfile none;
    none.counters = false;
    b->set_profile(none);
    EXPECT_EQ(cell(b->execute(counters, two)), integer(0));
    EXPECT_NE(cell(a->execute(counters, two)), integer(0));
}

// The view has the server's name in it, which matters only to those who read that column.
TEST(Sharing, DependsOnTheColumnsThatAreRead) {
    const auto memory = make_shared_memory(test_fixture());
    Asker a(sharing(memory, "A"));
    Asker b(sharing(memory, "B"));
    const char* backups = "SELECT COUNT(*) FROM msdb.dbo.backupset WHERE type = 'D'";
    EXPECT_EQ(shared_cell(a.ask(backups), 0), shared_cell(b.ask(backups), 0));
    EXPECT_EQ(a.engine->reuse().recalled + b.engine->reuse().recalled, 1U);
    const char* name = "SELECT MAX(server_name) FROM msdb.dbo.backupset";
    EXPECT_EQ(shared_cell(a.ask(name), 0), Cell{"A"});
    EXPECT_EQ(shared_cell(b.ask(name), 0), Cell{"B"});
}

TEST(Sharing, RowsReadBeforeInTheBatchStayTheSessionsOwn) {
    const auto memory = make_shared_memory(test_fixture());
    Asker one(sharing(memory, "A"));
    Asker two(sharing(memory, "A"));
    one.client.spid = 4711;
    two.client.spid = 4712;
    const char* sessions =
        "SELECT MAX(session_id) FROM sys.dm_exec_sessions;"
        "SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE session_id = 4711";
    EXPECT_EQ(shared_cell(one.ask(sessions), 1), integer(1));
    EXPECT_EQ(shared_cell(two.ask(sessions), 1), integer(0));
}

}  // namespace
}  // namespace tds_server
