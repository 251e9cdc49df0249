#include "tds_server/fixture_engine.h"

#include <array>
#include <cmath>
#include <utility>

#include "tds_server/activity.h"
#include "tds_server/fixture.h"
#include "tds_server/fixture_tables.h"
#include "tds_server/sample_objects.h"
#include "tds_server/server_view.h"
#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/timestamps.h"
#include "tds_server/tsql_evaluator.h"
#include "tds_server/tsql_lexer.h"
#include "tds_server/tsql_parser.h"

namespace tds_server {

namespace {

constexpr std::string_view step_table = "sys.dm_os_sys_info";

bool starts_with(std::string_view text, std::string_view prefix) {
    return text.size() >= prefix.size() && same_text(text.substr(0, prefix.size()), prefix);
}

// These show every session its own rows without a permission, and say nothing of the others.
bool shows_own_rows(std::string_view table) {
    return same_text(table, "sys.dm_exec_sessions") || same_text(table, "sys.dm_exec_requests");
}
bool needs_view_state(std::string_view table) {
    return starts_with(table, "sys.dm_") && !shows_own_rows(table);
}

struct PropertyColumn {
    std::string_view property;
    std::string_view column;
};
constexpr std::array<PropertyColumn, 10> property_columns{{
    {"ServerName", "server_name"},
    {"MachineName", "machine_name"},
    {"InstanceName", "instance_name"},
    {"ProductVersion", "product_version"},
    {"ProductLevel", "product_level"},
    {"Edition", "edition"},
    {"EngineEdition", "engine_edition"},
    {"IsClustered", "is_clustered"},
    {"IsHadrEnabled", "is_hadr_enabled"},
    {"Collation", "collation"},
}};

// The server as one session sees it during one batch.
class Glance : public ServerView {
  public:
    Glance(const EngineOptions& options, const TableMoment& moment, ClientContext client)
        : options_(options), data_(options.fixture->data()), moment_(moment), client_(std::move(client)) {
        if (!options.login.empty()) client_.login = options.login;
    }

    const std::vector<Column>* columns(std::string_view table) const override {
        if (same_text(table, all_types_table)) return &all_types_columns();
        const RecordedTable* recorded = data_.table(table);
        return recorded != nullptr ? &recorded->columns : nullptr;
    }

    std::vector<Row> rows(std::string_view table) const override {
        if (same_text(table, all_types_table)) return all_types_rows();
        const RecordedTable& recorded = *data_.table(table);
        if (!options_.may_view_state && needs_view_state(recorded.name)) deny();
        std::vector<Row> rows = rows_at(data_, recorded, moment_);
        if (starts_with(recorded.name, "sys.dm_exec_")) personalise(recorded, rows);
        return rows;
    }

    std::optional<Property> property(std::string_view name) const override {
        const auto* found = std::find_if(property_columns.begin(), property_columns.end(),
                                         [&](const PropertyColumn& known) { return same_text(known.property, name); });
        if (found == property_columns.end()) return std::nullopt;
        const bool own_name = same_text(name, "ServerName") || same_text(name, "MachineName");
        const std::size_t column = data_.identity.column(found->column).value();
        const ColumnType type = data_.identity.columns[column].type;
        if (own_name && !options_.server_name.empty()) return Property{Cell{options_.server_name}, type};
        return Property{data_.identity.poll1.front()[column], type};
    }

    std::optional<bool> may(std::string_view permission) const override {
        static constexpr std::array<std::string_view, 3> state{"VIEW SERVER STATE", "VIEW SERVER PERFORMANCE STATE",
                                                               "VIEW SERVER SECURITY STATE"};
        static constexpr std::array<std::string_view, 4> others{
            "VIEW ANY DEFINITION", "VIEW ANY PERFORMANCE DEFINITION", "CONNECT ANY DATABASE", "VIEW ANY DATABASE"};
        const auto is = [&](std::string_view known) { return same_text(known, permission); };
        if (std::any_of(state.begin(), state.end(), is)) return options_.may_view_state;
        if (std::any_of(others.begin(), others.end(), is)) return true;
        return std::nullopt;
    }

    std::int64_t utc_ticks() const override {
        const auto elapsed_ms = std::llround(static_cast<double>(data_.ms_between_polls) * moment_.time);
        return data_.utc_ticks + moment_.shift + elapsed_ms * ticks_per_ms;
    }
    std::int64_t local_ticks() const override { return utc_ticks() + data_.utc_offset_ticks; }
    const ClientContext& client() const override { return client_; }

    Reply call(std::string_view procedure, const std::vector<Cell>& arguments) const override {
        return call_sample_procedure(procedure, arguments, *options_.fixture);
    }

  private:
    [[noreturn]] void deny() const {
        const auto recorded = options_.fixture->error(300);
        throw SqlError(
            recorded ? *recorded
                     : ServerMessage{300, 14, 1,
                                     "VIEW SERVER STATE permission was denied on object 'server', database 'master'."});
    }

    // The session that made the recording is the one that asks now.
    void personalise(const RecordedTable& table, std::vector<Row>& rows) const {
        const auto session = table.column("session_id");
        if (!session) return;
        const auto own = [&](const Row& row) { return row[*session] == Cell{std::int64_t{client_.spid}}; };
        for (Row& row : rows) {
            if (row[*session] != Cell{std::int64_t{data_.spid}}) continue;
            row[*session] = Cell{std::int64_t{client_.spid}};
            const auto encrypted = table.column("encrypt_option");
            if (encrypted) row[*encrypted] = Cell{client_.encrypted ? "TRUE" : "FALSE"};
        }
        if (!options_.may_view_state) std::erase_if(rows, [&](const Row& row) { return !own(row); });
    }

    const EngineOptions& options_;
    const FixtureData& data_;
    const TableMoment& moment_;
    ClientContext client_;
};

class ReplayingEngine : public FixtureEngine {
  public:
    explicit ReplayingEngine(EngineOptions options) : options_(std::move(options)), activity_(options_.seed) {
        if (!options_.clock) options_.clock = std::chrono::steady_clock::now;
        start();
    }

    Reply execute(std::string_view sql, const ClientContext& client) override {
        try {
            const Batch batch = parse_batch(sql);
            if (reads_table(batch, step_table)) ++steps_;
            const TableMoment moment = now();
            const Glance glance(options_, moment, client);
            return run_batch(batch, glance);
        } catch (const SqlError& error) {
            return {error.message()};
        }
    }

    void set_replay(Replay replay) override {
        options_.replay = replay;
        start();
    }
    void set_may_view_state(bool allowed) override { options_.may_view_state = allowed; }

    void restart() override {
        const TableMoment moment = now();
        restarted_ = true;
        restarted_time_ = moment.time;
        restarted_work_ = moment.work;
    }

  private:
    void start() {
        started_ = options_.clock();
        steps_ = 0;
        restarted_ = false;
        shift_ = 0;
        if (options_.replay != Replay::live) return;
        const auto now_ms =
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
        shift_ = now_ms.count() * ticks_per_ms - options_.fixture->data().utc_ticks;
    }

    double time() const {
        switch (options_.replay) {
            case Replay::poll1:
                return 0;
            case Replay::poll2:
                return 1;
            case Replay::steps:
                return steps_ > 0 ? steps_ - 1 : 0;
            case Replay::live:
                break;
        }
        const std::chrono::duration<double, std::milli> elapsed = options_.clock() - started_;
        return elapsed.count() / static_cast<double>(options_.fixture->data().ms_between_polls);
    }

    TableMoment now() const {
        TableMoment moment;
        moment.time = time();
        moment.shift = shift_;
        moment.restarted = restarted_;
        moment.restarted_time = restarted_time_;
        moment.restarted_work = restarted_work_;
        const bool live = options_.replay == Replay::live;
        // Replays show the recorded values, so that tests know what to expect.
        moment.work = live ? activity_.work(moment.time) : moment.time;
        moment.pace = live ? activity_.pace(moment.time) : 1;
        moment.swing = live ? activity_.swing(moment.time) : std::min(moment.time, 1.0);
        return moment;
    }

    EngineOptions options_;
    Activity activity_;
    std::chrono::steady_clock::time_point started_;
    int steps_ = 0;
    std::int64_t shift_ = 0;
    bool restarted_ = false;
    double restarted_time_ = 0;
    double restarted_work_ = 0;
};

}  // namespace

std::unique_ptr<FixtureEngine> make_fixture_engine(EngineOptions options) {
    return std::make_unique<ReplayingEngine>(std::move(options));
}

}  // namespace tds_server
