// What the mssql connector reads of every server for itself: identity, permissions, clock and CPU.
#include "prober/connectors/mssql/mssql_server.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace vitals::prober {
namespace {

using std::chrono::minutes;

constexpr std::int64_t minute_ms = 60'000;

MssqlProcess process(std::int64_t ticks, std::int64_t kernel, std::int64_t user) {
    MssqlProcess made;
    made.clock = core::SampleClock{{120'000, 7}, ticks};
    made.cpu_count = 4;
    made.kernel_ms = kernel;
    made.user_ms = user;
    return made;
}

const MssqlProcess before = process(1'000'000, 1'000, 9'000);
const MssqlProcess later = process(1'000'000 + minute_ms, 13'000, 117'000);

std::optional<double> cpu(const MssqlProcess* first, const MssqlProcess& second, std::optional<double> recorded = {}) {
    return mssql_cpu_percent(first, second, recorded, minutes{15});
}

TEST(MssqlCpu, OfTheProcess) {
    EXPECT_EQ(cpu(&before, later), 50.0);
    EXPECT_FALSE(cpu(nullptr, later));
}

TEST(MssqlCpu, NothingAcrossARestartOrAGap) {
    MssqlProcess now = later;
    now.clock->epoch.start_ticks += 1;
    EXPECT_FALSE(cpu(&before, now));
    now = later;
    now.clock->ticks_ms = before.clock->ticks_ms + 16 * minute_ms;
    EXPECT_FALSE(cpu(&before, now));
    now.clock->ticks_ms = before.clock->ticks_ms;
    EXPECT_FALSE(cpu(&before, now));
    now.clock.reset();
    EXPECT_FALSE(cpu(&before, now));
}

TEST(MssqlCpu, HostileNumbers) {
    MssqlProcess now = later;
    now.cpu_count = 0;
    EXPECT_FALSE(cpu(&before, now));
    now.cpu_count = 4;
    now.user_ms = 8'999;
    EXPECT_FALSE(cpu(&before, now));
    now.user_ms = now.kernel_ms = INT64_MAX;
    EXPECT_EQ(cpu(&before, now), 100.0);
}

TEST(MssqlCpu, RingBufferWhereTheTimesAreNotKept) {
    const MssqlProcess none = process(1'000'000, 0, 0);
    const MssqlProcess none_later = process(1'000'000 + minute_ms, 0, 0);
    EXPECT_TRUE(lacks_process_cpu(&none, none_later));
    EXPECT_FALSE(cpu(&none, none_later));
    EXPECT_EQ(cpu(nullptr, none_later, 38.0), 38.0);
    EXPECT_FALSE(lacks_process_cpu(nullptr, before));
}

// An idle minute must not put the coarser record in the place of the exact times for ever.
TEST(MssqlCpu, TimesThatMoveWinOverTheRingBuffer) {
    EXPECT_EQ(cpu(&before, later, 38.0), 50.0);
    EXPECT_FALSE(lacks_process_cpu(&before, later));
    const MssqlProcess idle = process(1'000'000 + minute_ms, 1'000, 9'000);
    EXPECT_TRUE(lacks_process_cpu(&before, idle));
    EXPECT_EQ(cpu(&before, idle, 38.0), 38.0);
    EXPECT_EQ(cpu(&before, idle), 0.0);
}

TEST(MssqlCpu, NewestUsableRecord) {
    const auto record = [](const std::string& percent) {
        return Cell{"<Record><SystemHealth><ProcessUtilization>" + percent +
                    "</ProcessUtilization></SystemHealth></Record>"};
    };
    const auto percent = [](std::vector<Row> rows) {
        return read_recorded_cpu({{"cpu_history", "record"}, std::move(rows)}, core::SampleClock{{}, 1'000'000});
    };
    const Cell now{std::int64_t{990'000}};
    const Cell earlier{std::int64_t{930'000}};
    EXPECT_EQ(percent({{earlier, record("10")}, {now, record("20")}}), 20.0);
    EXPECT_EQ(percent({{now, Cell{"<Record>no health</Record>"}}, {earlier, record("10")}}), 10.0);
    EXPECT_EQ(percent({{now, record("250")}}), 100.0) << "several memory nodes";
    EXPECT_FALSE(percent({{now, record("x")}}));
    EXPECT_FALSE(percent({{now, Cell{"<ProcessUtilization>5"}}}));
    EXPECT_FALSE(percent({{Cell{std::int64_t{800'000}}, record("10")}})) << "too old";
    EXPECT_FALSE(percent({{Cell{std::int64_t{2'000'000}}, record("10")}})) << "from the future";
    EXPECT_FALSE(read_recorded_cpu({{"cpu_history", "record"}, {{now, record("1")}}}, std::nullopt));
}

TEST(MssqlServer, StrangeSetsGiveNothing) {
    EXPECT_FALSE(read_mssql_server({{"server"}, {}}));
    EXPECT_FALSE(read_mssql_process({{"sysinfo"}, {}}).clock);
    EXPECT_FALSE(read_mssql_process({{"sysinfo"}, {{Cell{std::int64_t{1}}}}}).clock);
    EXPECT_FALSE(read_mssql_process({{}, {{}}}).cpu_count);
    const auto server = read_mssql_server({{"server", "view_server_state"}, {{Cell{std::int64_t{5}}, Cell{"1"}}}});
    ASSERT_TRUE(server);
    EXPECT_EQ(server->version, "");
    EXPECT_FALSE(server->may_view_server_state);
}

TEST(MssqlServer, MajorVersion) {
    MssqlServer server;
    EXPECT_EQ(server.major_version(), 0);
    server.version = "16.0.4105.2";
    EXPECT_EQ(server.major_version(), 16);
    server.version = "x";
    EXPECT_EQ(server.major_version(), 0);
    server.version = "-3";
    EXPECT_EQ(server.major_version(), 0);
}

TEST(MssqlServer, WhatTheLoginMay) {
    MssqlServer server;
    EXPECT_FALSE(server.permits("VIEW SERVER STATE"));
    EXPECT_FALSE(server.permits("VIEW ANY DEFINITION"));
    EXPECT_TRUE(server.permits("")) << "none is needed";
    EXPECT_TRUE(server.permits("SELECT on msdb.dbo.backupset")) << "the server was not asked";
    server.may_view_database_state = true;
    EXPECT_TRUE(server.permits("VIEW DATABASE STATE"));
    EXPECT_FALSE(server.permits("VIEW SERVER STATE"));
    server.engine_edition = azure_sql_database;
    EXPECT_TRUE(server.permits("VIEW SERVER STATE")) << "there the database is all there is";
}

}  // namespace
}  // namespace vitals::prober
