// JSON columns that tenants write, also wrongly.
#include "core/target_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace vitals::core {
namespace {

TEST(TargetConfig, OptionsAreTheScalarsOfAnObject) {
    const auto options =
        options_from_json(R"({"encrypt": "off", "packet_size": 8192, "x": true, "y": {"z": 1}, "n": null})");
    EXPECT_EQ(options, (Options{{"encrypt", "off"}, {"packet_size", "8192"}, {"x", "true"}}));
    EXPECT_TRUE(options_from_json("[1]").empty());
    EXPECT_TRUE(options_from_json("broken").empty());
}

TEST(TargetConfig, MetricsAreNamesOrAll) {
    EXPECT_EQ(metrics_from_json(R"(["cpu_percent", 3, "memory_percent"])"),
              (std::vector<std::string>{"cpu_percent", "memory_percent"}));
    EXPECT_TRUE(metrics_from_json(R"(["cpu_percent", "*"])").empty());
}

TEST(TargetConfig, NoMetricsDoesNotMeanAll) {
    for (const char* text : {"[]", "{}", "[1]", "broken", "null"}) {
        EXPECT_EQ(metrics_from_json(text), std::vector<std::string>{"none"}) << text;
    }
}

TEST(TargetConfig, WhatAProberWouldRefuseIsLeftOut) {
    nlohmann::json options{{"encrypt", "require"}, {std::string(max_metric_name + 1, 'k'), "x"}};
    options["ca_file"] = std::string(max_text + 1, 'v');
    EXPECT_EQ(options_from_json(options.dump()), (Options{{"encrypt", "require"}}));

    nlohmann::json many = nlohmann::json::object();
    for (std::size_t i = 0; i < 2 * max_options; ++i)
        many[std::to_string(i)] = "x";
    EXPECT_EQ(options_from_json(many.dump()).size(), max_options);

    nlohmann::json metrics = nlohmann::json::array({"cpu_percent", std::string(max_metric_name + 1, 'm')});
    EXPECT_EQ(metrics_from_json(metrics.dump()), std::vector<std::string>{"cpu_percent"});
    metrics = nlohmann::json::array();
    for (std::size_t i = 0; i < 2 * max_wanted; ++i)
        metrics.push_back("m" + std::to_string(i));
    EXPECT_EQ(metrics_from_json(metrics.dump()).size(), max_wanted);
}

}  // namespace
}  // namespace vitals::core
