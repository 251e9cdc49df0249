// The built-in metric groups as the collector sends them to a prober, for tests without a database: from the files
// that the extension's script is made of (see vitals.metric_group_definitions, which does the same in SQL).
#pragma once

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace vitals::test {

inline nlohmann::json read_json_file(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path);
    return nlohmann::json::parse(file);
}

// Definition by name of the group. `sql_directory` is that of the source tree.
inline std::map<std::string, std::string> builtin_groups(const std::string& sql_directory) {
    nlohmann::json categories = nlohmann::json::object();
    for (const auto& type : read_json_file(sql_directory + "/wait_types.json")) {
        const std::string category = type["ignored"].get<bool>() ? "ignored" : type["category"].get<std::string>();
        if (category != "Other") categories[type["wait_type"].get<std::string>()] = category;
    }
    std::map<std::string, std::string> definitions;
    for (auto& group : read_json_file(sql_directory + "/mssql_groups.json")) {
        // What is for people only.
        for (const char* field : {"description", "cost"})
            group.erase(field);
        for (auto& metric : group["metrics"])
            for (const char* field : {"description", "unit", "scale"})
                metric.erase(field);
        for (auto& variant : group["variants"]) {
            std::string sql;
            for (const auto& line : variant["sql"])
                sql += (sql.empty() ? "" : "\n") + line.get<std::string>();
            variant["sql"] = sql;
        }
        const std::string name = group["name"];
        if (name == "waits") group["categories"] = categories;
        definitions[name] = group.dump();
    }
    return definitions;
}

}  // namespace vitals::test
