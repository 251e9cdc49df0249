#include "tds_server/fixture_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tds_server/activity.h"
#include "tds_server/engine_state.h"
#include "tds_server/glance.h"
#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/timestamps.h"
#include "tds_server/tsql_evaluator.h"

namespace tds_server {

namespace {

constexpr std::string_view step_view = "sys.dm_os_sys_info";

class ReplayingEngine : public FixtureEngine {
  public:
    explicit ReplayingEngine(EngineOptions options) : activity_(options.seed) {
        state_.options = std::move(options);
        if (!state_.options.clock) {
            state_.options.clock = std::chrono::steady_clock::now;
            shares_start_ = state_.options.memory != nullptr;
        }
        state_.memory = state_.options.memory ? state_.options.memory : make_shared_memory(state_.options.fixture);
        set_profile(state_.options.profile);
        start();
        shares_start_ = false;
    }

    Reply execute(std::string_view sql, ClientContext& client) override {
        try {
            const auto program = state_.memory->programs().program(sql);
            if (!state_.options.login.empty()) client.login = state_.options.login;
            const Glance glance(state_, client);
            if (state_.options.replay == Replay::steps && !frozen_ && reads_view(*program, glance, step_view)) ++steps_;
            state_.moment = now();
            state_.moment_key = moment_key();
            return run_batch(program, glance);
        } catch (const SqlError& error) {
            return {error.message()};
        }
    }

    std::optional<ServerMessage> refusal(const ClientContext& client) override {
        ClientContext asked = client;
        return Glance(state_, asked).database_refusal(client.database);
    }

    void set_replay(Replay replay) override {
        state_.options.replay = replay;
        start();
    }
    const ServerProfile& profile() const override { return state_.options.profile; }
    void set_profile(const ServerProfile& profile) override {
        state_.options.profile = profile;
        state_.catalogue = &state_.memory->catalogue(profile);
        state_.content = profile.content();
    }

    void restart() override {
        const TableMoment moment = now();
        restarted_ = true;
        restarted_time_ = moment.time;
        restarted_work_ = moment.work;
        forget_resets();
    }
    void clear_waits() override { state_.waits_cleared = now().work; }

    bool reset_files(std::string_view database) override {
        const RecordedTable& table = *state_.data().table("fixture.databases");
        state_.moment = now();
        for (const Row& row : content_of(state_, table)) {
            if (to_text(row[table.column("name").value()]) != database) continue;
            state_.files_reset[std::get<std::int64_t>(row[table.column("database_id").value()])] = now().work;
            return true;
        }
        return false;
    }

    bool miss_file(const std::string& name) override {
        const RecordedTable& table = *state_.data().table("fixture.master_files");
        state_.missing_file.clear();
        state_.moment = now();
        const std::vector<Row> rows = content_of(state_, table);
        const std::size_t column = table.column("name").value();
        if (!name.empty() &&
            std::none_of(rows.begin(), rows.end(), [&](const Row& row) { return to_text(row[column]) == name; }))
            return false;
        state_.missing_file = name;
        return true;
    }

    void advance(std::chrono::milliseconds time) override {
        advanced_ += static_cast<double>(time.count()) / static_cast<double>(state_.data().ms_between_polls);
    }

    void freeze(bool frozen) override {
        if (frozen == frozen_) return;
        if (frozen) {
            frozen_time_ = time();
        } else {
            advanced_ -= running_time() + advanced_ - frozen_time_;
        }
        frozen_ = frozen;
    }

    void disturb(const std::string& view, std::chrono::milliseconds delay, int error) override {
        if (view.empty()) return state_.disturbances.clear();
        state_.disturbances[view] = {delay, error};
        if (delay.count() == 0 && error == 0) state_.disturbances.erase(view);
    }

    Reuse reuse() const override { return state_.reuse; }

  private:
    void forget_resets() {
        state_.waits_cleared.reset();
        state_.files_reset.clear();
    }

    void start() {
        started_ = shares_start_ ? state_.memory->started() : state_.options.clock();
        steps_ = 0;
        restarted_ = false;
        frozen_ = false;
        advanced_ = 0;
        shift_ = 0;
        forget_resets();
        if (state_.options.replay != Replay::live) return;
        const auto utc = shares_start_ ? state_.memory->started_utc() : std::chrono::system_clock::now();
        const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(utc.time_since_epoch());
        shift_ = now_ms.count() * ticks_per_ms - state_.data().utc_ticks;
    }

    double running_time() const {
        switch (state_.options.replay) {
            case Replay::poll1:
                return 0;
            case Replay::poll2:
                return 1;
            case Replay::steps:
                return steps_ > 0 ? steps_ - 1 : 0;
            case Replay::live:
                break;
        }
        auto elapsed = std::chrono::duration_cast<std::chrono::nanoseconds>(state_.options.clock() - started_);
        if (state_.options.tick.count() > 0) elapsed -= elapsed % state_.options.tick;
        return std::chrono::duration<double, std::milli>(elapsed).count() /
               static_cast<double>(state_.data().ms_between_polls);
    }
    double time() const { return frozen_ ? frozen_time_ : running_time() + advanced_; }

    TableMoment now() const {
        TableMoment moment;
        moment.time = time();
        moment.shift = shift_;
        moment.restarted = restarted_;
        moment.restarted_time = restarted_time_;
        moment.restarted_work = restarted_work_;
        const bool live = state_.options.replay == Replay::live;
        // Replays show the recorded values, so that tests know what to expect.
        moment.work = live ? activity_.work(moment.time) : moment.time;
        moment.pace = live ? activity_.pace(moment.time) : 1;
        moment.swing = live ? activity_.swing(moment.time) : std::min(moment.time, 1.0);
        return moment;
    }

    // Servers that differ in their activity share nothing, nor do moments that never come again.
    std::string moment_key() const {
        const bool again = state_.options.replay != Replay::live || state_.options.tick.count() > 0;
        if (!state_.options.share_results || state_.options.seed != 0 || !again) return {};
        const TableMoment& moment = state_.moment;
        std::string key = fmt::format("{}/{}/{}/{}/{}", moment.time, moment.shift, moment.restarted,
                                      moment.restarted_time, moment.restarted_work);
        if (state_.waits_cleared) key += fmt::format("/w{}", *state_.waits_cleared);
        for (const auto& [database, work] : state_.files_reset)
            key += fmt::format("/f{}:{}", database, work);
        if (!state_.missing_file.empty()) key += fmt::format("/m{}", state_.missing_file);
        return key;
    }

    EngineState state_;
    Activity activity_;
    std::chrono::steady_clock::time_point started_;
    bool shares_start_ = false;
    int steps_ = 0;
    std::int64_t shift_ = 0;
    double advanced_ = 0;
    bool frozen_ = false;
    double frozen_time_ = 0;
    bool restarted_ = false;
    double restarted_time_ = 0;
    double restarted_work_ = 0;
};

}  // namespace

std::shared_ptr<SharedMemory> make_shared_memory(std::shared_ptr<const Fixture> fixture) {
    return std::make_shared<SharedMemory>(std::move(fixture));
}

std::unique_ptr<FixtureEngine> make_fixture_engine(EngineOptions options) {
    return std::make_unique<ReplayingEngine>(std::move(options));
}

}  // namespace tds_server
