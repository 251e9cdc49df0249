#include "core/target_config.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace vitals::core {

Options options_from_json(std::string_view text) {
    Options options;
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return options;
    for (const auto& [key, value] : json.items()) {
        std::string text_of_value;
        if (value.is_string()) {
            text_of_value = value.get<std::string>();
        } else if (value.is_boolean() || value.is_number()) {
            text_of_value = value.dump();
        } else {
            continue;
        }
        // What a prober would refuse as a job must not become one.
        if (key.size() > max_metric_name || text_of_value.size() > max_text || options.size() == max_options) continue;
        options[key] = std::move(text_of_value);
    }
    return options;
}

std::vector<std::string> metrics_from_json(std::string_view text) {
    std::vector<std::string> metrics;
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_array()) {
        for (const auto& element : json) {
            if (element == "*") return {};
            if (!element.is_string() || metrics.size() == max_wanted) continue;
            if (const auto name = element.get<std::string>(); name.size() <= max_metric_name) metrics.push_back(name);
        }
    }
    // To a prober an empty list means everything.
    if (metrics.empty()) metrics.emplace_back("none");
    return metrics;
}

}  // namespace vitals::core
