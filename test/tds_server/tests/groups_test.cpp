// The statements of the built-in metric groups run on every kind of server that they are for.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tds_server/tests/ask.h"

namespace tds_server {
namespace {

using nlohmann::json;

std::string statement_of(const json& group, const json& variant) {
    std::set<std::string> counters;
    for (const json& metric : group.at("metrics")) {
        for (const char* part : {"source", "base"}) {
            const std::string text = metric.value(part, "");
            const std::size_t slash = text.find('\\');
            if (slash != std::string::npos) counters.insert("N'" + text.substr(slash + 1) + "'");
        }
    }
    std::string list;
    for (const std::string& counter : counters)
        list += (list.empty() ? "" : ", ") + counter;
    std::string sql;
    const json& lines = variant.at("sql");
    if (lines.is_string()) sql = lines.get<std::string>();
    for (std::size_t i = 0; lines.is_array() && i < lines.size(); ++i)
        sql += lines[i].get<std::string>() + "\n";
    const std::string place = "{{sources}}";
    const std::size_t at = sql.find(place);
    if (at != std::string::npos) sql.replace(at, place.size(), list);
    return sql;
}

bool is_for(const json& variant, const ServerProfile& profile) {
    const json editions = variant.value("editions", json::array());
    if (!editions.empty()) return std::find(editions.begin(), editions.end(), profile.edition) != editions.end();
    return !profile.is_azure_database() && variant.value("min_version", 0) <= profile.features();
}

std::string error_text(const Reply& reply) {
    for (const ReplyPart& part : reply) {
        const auto* message = std::get_if<ServerMessage>(&part);
        if (message != nullptr && message->level > 10) return message->text;
    }
    return {};
}

std::vector<std::string> columns_of(const Reply& reply) {
    std::vector<std::string> names;
    for (const ReplyPart& part : reply) {
        if (const auto* set = std::get_if<ResultSet>(&part))
            std::transform(set->columns.begin(), set->columns.end(), std::back_inserter(names),
                           [](const Column& column) { return column.name; });
    }
    return names;
}

std::vector<ServerProfile> kinds() {
    std::vector<ServerProfile> profiles;
    for (int version = 11; version <= 17; ++version) {
        profiles.emplace_back();
        profiles.back().version = version;
    }
    for (const int edition : {edition_express, edition_azure_database, edition_managed_instance}) {
        profiles.emplace_back();
        profiles.back().edition = edition;
    }
    for (const char* collation : {"Latin1_General_CS_AS", "Turkish_CI_AS", "Latin1_General_BIN2"}) {
        profiles.emplace_back();
        profiles.back().collation = collation;
    }
    profiles.emplace_back();
    profiles.back().linux_host = true;
    profiles.emplace_back();
    profiles.back().hostile_names = true;
    return profiles;
}

TEST(BuiltInGroups, RunOnEveryKindOfServer) {
    std::ifstream file(VITALS_SQL "/mssql_groups.json");
    if (!file) GTEST_SKIP() << "no catalogue of groups";
    const json groups = json::parse(file);
    for (const ServerProfile& profile : kinds()) {
        Asker server(profile);
        if (profile.is_azure_database()) server.client.database = "SalesDB";
        for (const json& group : groups) {
            const json& variants = group.at("variants");
            const auto variant = std::find_if(variants.begin(), variants.end(),
                                              [&](const json& known) { return is_for(known, profile); });
            if (variant == variants.end()) continue;
            const Reply reply = server.ask(statement_of(group, *variant));
            const std::string where = group.at("name").get<std::string>() + " on " + profile.content();
            EXPECT_EQ(error_text(reply), "") << where;
            const auto columns = columns_of(reply);
            if (group.value("layout", "columns") == "rows") continue;
            for (const json& label : group.value("labels", json::array()))
                EXPECT_NE(std::find(columns.begin(), columns.end(), label), columns.end()) << where << ": " << label;
            for (const json& metric : group.at("metrics")) {
                const json source = metric.value("source", json());
                if (!source.is_string() || source == "") continue;
                EXPECT_NE(std::find(columns.begin(), columns.end(), source), columns.end()) << where << ": " << source;
            }
        }
    }
}

// The procedures are made by the script that users run, and give what the statements give.
TEST(InstallProcedures, RunsTwiceAndServesALoginWithoutRights) {
    std::ifstream file(VITALS_SQL "/../docs/mssql/install_procedures.sql");
    if (!file) GTEST_SKIP() << "no script";
    for (const ServerProfile& kind : kinds()) {
        ServerProfile profile = kind;
        profile.view_state = false;
        profile.msdb = false;
        Asker server(profile);
        file.clear();
        file.seekg(0);
        for (int turn = 0; turn < 2; ++turn) {
            std::string batch;
            for (std::string line; std::getline(file, line);) {
                if (line != "GO") {
                    batch += line + "\n";
                    continue;
                }
                EXPECT_EQ(error_text(server.ask_as_administrator(batch)), "") << profile.content() << "\n" << batch;
                batch.clear();
            }
            file.clear();
            file.seekg(0);
        }
        EXPECT_EQ(error_text(server.ask("EXEC vitals.collect_server")), "") << profile.content();
        EXPECT_EQ(error_text(server.ask("EXEC vitals.collect_waits")), "") << profile.content();
        EXPECT_NE(error_text(server.ask("SELECT * FROM sys.dm_os_wait_stats")), "");
    }
}

}  // namespace
}  // namespace tds_server
