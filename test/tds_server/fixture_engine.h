// A simulated SQL Server's memory: answers T-SQL from a recorded fixture and lets its counters grow as a real server's
// would.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tds_server/engine.h"
#include "tds_server/server_profile.h"

namespace tds_server {

struct FixtureData;
class SharedMemory;

// The recorded answers of one SQL Server at two moments, read once and shared by all simulated servers. Immutable.
class Fixture {
  public:
    // Throws std::runtime_error with a readable text.
    static std::shared_ptr<const Fixture> load(const std::string& path);

    explicit Fixture(std::unique_ptr<const FixtureData> data);
    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;
    ~Fixture();

    const FixtureData& data() const { return *data_; }
    // The message SQL Server would send for this error number; nothing if the fixture has none.
    std::optional<ServerMessage> error(int number) const;

  private:
    std::unique_ptr<const FixtureData> data_;
};

enum class Replay {
    poll1,  // always the first sample
    poll2,  // always the second sample
    steps,  // one step per batch that reads sys.dm_os_sys_info: first poll1, then poll2, then on at the same pace
    live    // from the first sample on with real time, at the fixture's rates
};

// "poll1", "poll2", "steps", "live"; nothing for any other text.
std::optional<Replay> replay_from_text(std::string_view text);

using SteadyClock = std::function<std::chrono::steady_clock::time_point()>;

// What equal servers of one process need not have twice: programs, catalogues, results, and when live time began.
std::shared_ptr<SharedMemory> make_shared_memory(std::shared_ptr<const Fixture> fixture);

struct EngineOptions {
    std::shared_ptr<const Fixture> fixture;
    std::shared_ptr<SharedMemory> memory;  // null: its own
    Replay replay = Replay::live;
    std::string server_name;           // empty: the fixture's
    std::string login;                 // empty: the session's own
    std::string administrator = "sa";  // the login that may do everything
    ServerProfile profile;
    std::uint32_t seed = 0;  // 0: exactly the fixture's rates in live replay
    // Whether results for equal questions at equal moments are made once: replies have SharedResultPtr then.
    bool share_results = false;
    // In live replay the clock moves in steps of so long, so that equal servers have equal answers.
    std::chrono::milliseconds tick{0};
    SteadyClock clock;  // empty: std::chrono::steady_clock::now
};

// Like execute(), the setters must not run while another thread is inside the engine.
class FixtureEngine : public Engine {
  public:
    virtual void set_replay(Replay replay) = 0;  // starts the steps and the live time again
    virtual const ServerProfile& profile() const = 0;
    virtual void set_profile(const ServerProfile& profile) = 0;
    // The SQL Server service restarts: counters from zero, a new start time.
    virtual void restart() = 0;
    // DBCC SQLPERF('sys.dm_os_wait_stats', CLEAR)
    virtual void clear_waits() = 0;
    // The files of this database count from zero, as after OFFLINE and ONLINE. False: there is no such database.
    virtual bool reset_files(std::string_view database) = 0;
    // A database file is not there, until another one or none (an empty name) is missing. False: there is no such file.
    virtual bool miss_file(const std::string& name) = 0;
    // The clock jumps: the service did not restart, but nobody asked for so long.
    virtual void advance(std::chrono::milliseconds time) = 0;
    // Time stands still, or goes on.
    virtual void freeze(bool frozen) = 0;
    // Statements that read this view take so long, or fail with this number (0: they do not). No view: none is
    // disturbed.
    virtual void disturb(const std::string& view, std::chrono::milliseconds delay, int error) = 0;
    // How many results were taken from the memory, and made.
    struct Reuse {
        std::uint64_t recalled = 0;
        std::uint64_t made = 0;
    };
    virtual Reuse reuse() const = 0;
};

std::unique_ptr<FixtureEngine> make_fixture_engine(EngineOptions options);

}  // namespace tds_server
