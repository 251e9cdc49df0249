// Asks a simulated server's engine, as tests do it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "tds_server/fixture_engine.h"

namespace tds_server {

inline std::shared_ptr<const Fixture> test_fixture() {
    static const std::shared_ptr<const Fixture> loaded = Fixture::load(VITALS_FIXTURES "/mssql-fixture.json");
    return loaded;
}

inline EngineOptions test_options(ServerProfile profile = {}) {
    EngineOptions options;
    options.fixture = test_fixture();
    options.replay = Replay::poll2;
    options.profile = std::move(profile);
    return options;
}

// One server and one session.
class Asker {
  public:
    explicit Asker(ServerProfile profile = {}) : Asker(test_options(std::move(profile))) {}
    explicit Asker(EngineOptions options) : engine(make_fixture_engine(std::move(options))) {
        client.spid = 71;
        client.login = "monitor";
    }

    Reply ask(std::string_view sql) { return engine->execute(sql, client); }
    Reply ask_as_administrator(std::string_view sql) {
        ClientContext administrator = client;
        administrator.login = "sa";
        return engine->execute(sql, administrator);
    }

    static int error_in(const Reply& reply) {
        for (const ReplyPart& part : reply) {
            const auto* message = std::get_if<ServerMessage>(&part);
            if (message != nullptr && message->level > 10) return message->number;
        }
        return 0;
    }
    int error_of(std::string_view sql) { return error_in(ask(sql)); }

    ResultSet set_of(std::string_view sql) {
        for (ReplyPart& part : ask(sql)) {
            if (auto* set = std::get_if<ResultSet>(&part)) return std::move(*set);
            const auto* message = std::get_if<ServerMessage>(&part);
            if (message != nullptr) ADD_FAILURE() << sql << ": " << message->number << " " << message->text;
        }
        return {};
    }
    std::vector<Row> rows_of(std::string_view sql) { return set_of(sql).rows; }
    Cell value_of(std::string_view sql) {
        const ResultSet set = set_of(sql);
        if (set.rows.size() != 1 || set.rows.front().size() != 1) {
            ADD_FAILURE() << sql << ": " << set.rows.size() << " rows";
            return {};
        }
        return set.rows.front().front();
    }

    std::unique_ptr<FixtureEngine> engine;
    ClientContext client;
};

inline Cell integer(std::int64_t value) {
    return Cell{value};
}

}  // namespace tds_server
