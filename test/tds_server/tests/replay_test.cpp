// What the clocks and counters of a simulated server do over time.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "tds_server/fixture_engine.h"

namespace tds_server {
namespace {

using namespace std::chrono_literals;

const std::string ticks = "SELECT ms_ticks FROM sys.dm_os_sys_info";
const std::string batches =
    "SELECT cntr_value FROM sys.dm_os_performance_counters WHERE counter_name = 'Batch Requests/sec'";
const std::string connections =
    "SELECT cntr_value FROM sys.dm_os_performance_counters WHERE counter_name = 'User Connections'";
const std::string started = "SELECT sqlserver_start_time FROM sys.dm_os_sys_info";
const std::string start_ticks = "SELECT sqlserver_start_time_ms_ticks FROM sys.dm_os_sys_info";
constexpr std::int64_t first_ticks = 864120000;
constexpr std::int64_t minute_ms = 60000;
constexpr std::int64_t batches_per_minute = 72000;

// A server whose time a test moves.
class Simulation {
  public:
    explicit Simulation(Replay replay, std::uint32_t seed = 0) {
        EngineOptions options;
        options.fixture = Fixture::load(VITALS_FIXTURES "/mssql-fixture.json");
        options.replay = replay;
        options.seed = seed;
        options.clock = [this] { return now_; };
        engine_ = make_fixture_engine(std::move(options));
    }

    void pass(std::chrono::milliseconds time) { now_ += time; }
    FixtureEngine& engine() { return *engine_; }

    Cell value(const std::string& sql) {
        ClientContext client;
        const Reply reply = engine_->execute(sql, client);
        return std::get<ResultSet>(reply.at(0)).rows.at(0).at(0);
    }
    std::int64_t integer(const std::string& sql) { return std::get<std::int64_t>(value(sql)); }
    std::string text(const std::string& sql) { return std::get<std::string>(value(sql)); }

    double cpu_percent(std::chrono::milliseconds interval) {
        const std::string used = "SELECT process_kernel_time_ms + process_user_time_ms FROM sys.dm_os_sys_info";
        constexpr double processors = 8;
        const std::int64_t before = integer(used);
        pass(interval);
        return 100.0 * static_cast<double>(integer(used) - before) /
               (static_cast<double>(interval.count()) * processors);
    }

  private:
    std::chrono::steady_clock::time_point now_{};
    std::unique_ptr<FixtureEngine> engine_;
};

TEST(Replay, RepeatsOneSample) {
    Simulation simulation(Replay::poll1);
    EXPECT_EQ(simulation.integer(ticks), first_ticks);
    simulation.pass(1h);
    EXPECT_EQ(simulation.integer(ticks), first_ticks);
    simulation.engine().set_replay(Replay::poll2);
    EXPECT_EQ(simulation.integer(ticks), first_ticks + minute_ms);
}

TEST(Replay, StepsWithEveryReadOfTheClock) {
    Simulation simulation(Replay::steps);
    const std::int64_t before = simulation.integer(batches);
    EXPECT_EQ(simulation.integer(ticks), first_ticks);
    EXPECT_EQ(simulation.integer(batches), before) << "a batch without the clock is no step";
    EXPECT_EQ(simulation.integer(ticks), first_ticks + minute_ms);
    EXPECT_EQ(simulation.integer(batches), before + batches_per_minute);
    EXPECT_EQ(simulation.text("SELECT SYSUTCDATETIME()"), "2026-03-02T10:01:00.0000000");
    for (int step = 2; step < 5; ++step) {
        EXPECT_EQ(simulation.integer(ticks), first_ticks + step * minute_ms);
        EXPECT_EQ(simulation.integer(batches), before + step * batches_per_minute);
        EXPECT_EQ(simulation.integer(connections), 20) << "a gauge stays";
    }
    EXPECT_EQ(simulation.text(started), "2026-02-20T11:00:00.000");
}

TEST(Replay, ShowsBothSamplesExactly) {
    for (const auto& [replay, rows] : {std::pair{Replay::poll1, 96}, std::pair{Replay::poll2, 97}}) {
        Simulation simulation(replay);
        EXPECT_EQ(simulation.integer("SELECT COUNT(*) FROM sys.dm_os_wait_stats"), rows);
    }
    Simulation simulation(Replay::poll2);
    EXPECT_EQ(
        simulation.integer("SELECT wait_time_ms FROM sys.dm_os_wait_stats WHERE wait_type = 'SOS_SCHEDULER_YIELD'"),
        31125200);
    EXPECT_EQ(simulation.integer("SELECT num_of_writes FROM sys.dm_io_virtual_file_stats(1, 1)"), 3296);
    EXPECT_EQ(simulation.integer("SELECT available_physical_memory_kb FROM sys.dm_os_sys_memory"), 12582912);
    EXPECT_EQ(
        simulation.integer("SELECT MAX([timestamp]) FROM sys.dm_os_ring_buffers WHERE record LIKE '%SystemHealth%'"),
        864165000);
}

TEST(Replay, LiveGrowsWithTime) {
    Simulation simulation(Replay::live);
    const std::int64_t before = simulation.integer(batches);
    const std::string start = simulation.text(started);
    EXPECT_EQ(simulation.integer(ticks), first_ticks);
    simulation.pass(30s);
    EXPECT_EQ(simulation.integer(ticks), first_ticks + minute_ms / 2);
    EXPECT_EQ(simulation.integer(batches), before + batches_per_minute / 2);
    simulation.pass(24h);
    EXPECT_EQ(simulation.integer(ticks), first_ticks + minute_ms / 2 + 24 * 60 * minute_ms);
    EXPECT_EQ(simulation.text(started), start) << "it was not restarted";
    EXPECT_NEAR(simulation.cpu_percent(1min), 42.0, 0.01);
}

TEST(Replay, LiveTellsTheTimeOfToday) {
    Simulation simulation(Replay::live);
    const std::string sql = "SELECT DATEDIFF(second, sqlserver_start_time, GETDATE()) FROM sys.dm_os_sys_info";
    constexpr std::int64_t recorded_uptime_s = 10 * 86400;
    EXPECT_EQ(simulation.integer(sql), recorded_uptime_s);
    const std::chrono::year_month_day today{std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now())};
    EXPECT_EQ(std::stoi(simulation.text("SELECT SYSUTCDATETIME()").substr(0, 4)), static_cast<int>(today.year()));
}

TEST(Replay, LiveServersDifferAndStayPlausible) {
    double least = 100;
    double most = 0;
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
        Simulation simulation(Replay::live, seed);
        std::int64_t before = simulation.integer(batches);
        for (int minute = 0; minute < 30; ++minute) {
            const double percent = simulation.cpu_percent(1min);
            EXPECT_GT(percent, 0);
            EXPECT_LT(percent, 90);
            least = std::min(least, percent);
            most = std::max(most, percent);
            const std::int64_t now = simulation.integer(batches);
            EXPECT_GT(now, before);
            before = now;
            EXPECT_GE(simulation.integer(connections), 5);
            EXPECT_LE(simulation.integer(connections), 42);
        }
    }
    EXPECT_GT(most - least, 20);
}

TEST(Replay, RingBufferFollowsTheClock) {
    Simulation simulation(Replay::live, 7);
    simulation.pass(10min);
    const std::string newest =
        "SELECT TOP (1) record FROM sys.dm_os_ring_buffers WHERE record LIKE '%SystemHealth%' ORDER BY [timestamp] "
        "DESC";
    const std::string age =
        "SELECT MAX(s.ms_ticks) - MAX(b.[timestamp]) FROM sys.dm_os_ring_buffers b CROSS JOIN sys.dm_os_sys_info s";
    EXPECT_NE(simulation.text(newest).find("<ProcessUtilization>"), std::string::npos);
    EXPECT_GE(simulation.integer(age), 0);
    EXPECT_LE(simulation.integer(age), minute_ms);
}

TEST(Replay, RestartBeginsAtZero) {
    Simulation simulation(Replay::live);
    simulation.pass(5min);
    const std::string start = simulation.text(started);
    simulation.engine().restart();
    EXPECT_EQ(simulation.integer(batches), 0);
    EXPECT_NE(simulation.text(started), start);
    EXPECT_EQ(simulation.integer(start_ticks), first_ticks + 5 * minute_ms);
    simulation.pass(1min);
    EXPECT_EQ(simulation.integer(batches), batches_per_minute);
    EXPECT_EQ(simulation.integer(ticks), first_ticks + 6 * minute_ms) << "the machine was not restarted";
}

TEST(Replay, KnowsItsNames) {
    EXPECT_EQ(replay_from_text("steps"), Replay::steps);
    EXPECT_EQ(replay_from_text("live"), Replay::live);
    EXPECT_EQ(replay_from_text("Live"), std::nullopt);
}

TEST(FixtureFile, ReportsWhatItCannotUse) {
    EXPECT_THROW(Fixture::load("/no/such/file"), std::runtime_error);
    EXPECT_THROW(Fixture::load(VITALS_FIXTURES "/wait-types.json"), std::runtime_error);
}

}  // namespace
}  // namespace tds_server
