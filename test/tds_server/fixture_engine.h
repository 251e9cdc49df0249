// A simulated SQL Server's memory: answers T-SQL from a recorded fixture and lets its counters grow as a real server's
// would.
#pragma once

#include "tds_server/engine.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tds_server {

struct FixtureData;

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

struct EngineOptions {
    std::shared_ptr<const Fixture> fixture;
    Replay replay = Replay::live;
    std::string server_name;  // empty: the fixture's
    std::string login;        // empty: the session's own
    bool may_view_state = true;
    std::uint32_t seed = 0;  // 0: exactly the fixture's rates in live replay
    SteadyClock clock;       // empty: std::chrono::steady_clock::now
};

// Like execute(), the setters must not run while another thread is inside the engine.
class FixtureEngine : public Engine {
  public:
    virtual void set_replay(Replay replay) = 0;  // starts the steps and the live time again
    virtual void set_may_view_state(bool allowed) = 0;
    // The SQL Server service restarts: counters from zero, a new start time.
    virtual void restart() = 0;
};

std::unique_ptr<FixtureEngine> make_fixture_engine(EngineOptions options);

}  // namespace tds_server
