#include "core/target_config.h"

#include <nlohmann/json.hpp>

namespace vitals::core {

Options options_from_json(std::string_view text) {
    Options options;
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return options;
    for (const auto& [key, value] : json.items()) {
        if (value.is_string()) {
            options[key] = value.get<std::string>();
        } else if (value.is_boolean() || value.is_number()) {
            options[key] = value.dump();
        }
    }
    return options;
}

std::vector<std::string> metrics_from_json(std::string_view text) {
    std::vector<std::string> metrics;
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_array()) {
        for (const auto& element : json) {
            if (element == "*") return {};
            if (element.is_string()) metrics.push_back(element.get<std::string>());
        }
    }
    // To a prober an empty list means everything.
    if (metrics.empty()) metrics.emplace_back("none");
    return metrics;
}

}  // namespace vitals::core
