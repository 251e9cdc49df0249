// JSON columns that tenants write, also wrongly.
#include "core/target_config.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace vitals::core
