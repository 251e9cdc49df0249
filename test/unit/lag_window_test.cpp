#include "core/lag_window.h"

#include <gtest/gtest.h>

namespace vitals::core {
namespace {

using namespace std::chrono_literals;

constexpr LagWindow::Time now{1'000'000s};

TEST(LagWindowTest, NothingIsKnownOfNoPolls) {
    EXPECT_FALSE(LagWindow().quantiles(now).has_value());
}

TEST(LagWindowTest, QuantilesAreValuesThatOccurred) {
    LagWindow window;
    window.add(7ms, now);
    EXPECT_EQ(window.quantiles(now)->p50_ms, 7);
    EXPECT_EQ(window.quantiles(now)->p99_ms, 7);
    for (int i = 1; i < 100; ++i)
        window.add(std::chrono::milliseconds{i == 99 ? 1000 : 7 + i}, now);
    EXPECT_EQ(window.quantiles(now)->p50_ms, 56);
    EXPECT_EQ(window.quantiles(now)->p99_ms, 105) << "one in a hundred is later";
    window.add(2000ms, now);
    EXPECT_EQ(window.quantiles(now)->p99_ms, 1000);
}

TEST(LagWindowTest, OnlyTheNewestCount) {
    LagWindow window(10, 5min);
    for (int i = 0; i < 10; ++i)
        window.add(1000ms, now);
    for (int i = 0; i < 10; ++i)
        window.add(1ms, now + 1s);
    EXPECT_EQ(window.quantiles(now + 1s)->p99_ms, 1);
}

TEST(LagWindowTest, OldOnesAreForgotten) {
    LagWindow window(10, 5min);
    window.add(1000ms, now);
    window.add(1ms, now + 4min);
    EXPECT_EQ(window.quantiles(now + 5min)->p99_ms, 1000);
    EXPECT_EQ(window.quantiles(now + 6min)->p99_ms, 1);
    EXPECT_FALSE(window.quantiles(now + 10min).has_value());
}

}  // namespace
}  // namespace vitals::core
