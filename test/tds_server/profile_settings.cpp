#include "tds_server/profile_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "tds_server/collation.h"

namespace tds_server {

namespace {

constexpr std::array<std::pair<std::string_view, bool ServerProfile::*>, 14> flags{{
    {"linux", &ServerProfile::linux_host},
    {"wrong_types", &ServerProfile::wrong_types},
    {"counters", &ServerProfile::counters},
    {"hostile_names", &ServerProfile::hostile_names},
    {"ring_buffer_over_100", &ServerProfile::ring_buffer_over_100},
    {"hadr", &ServerProfile::hadr},
    {"process_times", &ServerProfile::process_times},
    {"view_state", &ServerProfile::view_state},
    {"view_definition", &ServerProfile::view_definition},
    {"msdb", &ServerProfile::msdb},
    {"all_databases", &ServerProfile::all_databases},
    {"prepare", &ServerProfile::prepare},
    {"administrator", &ServerProfile::administrator},
    {"says_encrypted", &ServerProfile::says_encrypted},
}};

int read_edition(const nlohmann::json& value) {
    const int edition = value.is_string() ? std::stoi(value.get<std::string>()) : value.get<int>();
    static constexpr std::array<int, 5> known{edition_standard, edition_enterprise, edition_express,
                                              edition_azure_database, edition_managed_instance};
    if (std::find(known.begin(), known.end(), edition) == known.end())
        throw std::invalid_argument("edition must be 2, 3, 4, 5 (Azure SQL Database) or 8 (Managed Instance)");
    return edition;
}

}  // namespace

bool set_profile_setting(ServerProfile& profile, std::string_view name, const nlohmann::json& value) {
    const auto* flag = std::find_if(flags.begin(), flags.end(), [&](const auto& known) { return known.first == name; });
    if (flag != flags.end()) {
        profile.*flag->second = value.get<bool>();
    } else if (name == "version") {
        const auto version = version_from_text(value.is_string() ? value.get<std::string>() : value.dump());
        if (!version) throw std::invalid_argument("version must be 2012 to 2025, or 11 to 17");
        profile.version = *version;
    } else if (name == "edition") {
        profile.edition = read_edition(value);
    } else if (name == "collation") {
        profile.collation = value.get<std::string>();
        if (!profile.collation.empty() && !collation_from_name(profile.collation))
            throw std::invalid_argument(fmt::format("\"{}\" is no collation", profile.collation));
    } else if (name == "instance") {
        profile.instance = value.get<std::string>();
    } else {
        return false;
    }
    return true;
}

void set_profile_option(ServerProfile& profile, std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const std::string value(equals == std::string_view::npos ? "true" : text.substr(equals + 1));
    const bool is_truth = value == "true" || value == "false";
    try {
        if (set_profile_setting(profile, name, is_truth ? nlohmann::json(value == "true") : nlohmann::json(value)))
            return;
    } catch (const nlohmann::json::exception&) {
        throw std::invalid_argument(fmt::format("\"{}\" is not a value of {}", value, name));
    }
    throw std::invalid_argument(fmt::format("\"{}\" is not one of {}", name, profile_setting_names()));
}

std::string profile_setting_names() {
    std::string names = "version, edition, collation, instance";
    for (const auto& flag : flags)
        names += fmt::format(", {}", flag.first);
    return names;
}

}  // namespace tds_server
