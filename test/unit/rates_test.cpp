// The rules of core/rates.h, one test a rule: what a difference of counters means after a restart, a gap, a clear.
#include "core/rates.h"

#include <gtest/gtest.h>

#include <limits>

namespace vitals::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Epoch first_life{120'000, 1'000};
constexpr Epoch second_life{90'000, 2'000};

SampleClock at(std::int64_t ticks, Epoch epoch = first_life) {
    return {epoch, ticks};
}

TEST(MaxGap, IsThreeIntervalsAndAtLeastFifteenMinutes) {
    EXPECT_EQ(max_gap(seconds{30}), minutes{15});
    EXPECT_EQ(max_gap(seconds{300}), minutes{15});
    EXPECT_EQ(max_gap(seconds{301}), seconds{903});
    EXPECT_EQ(max_gap(seconds{3600}), minutes{180});
}

TEST(SampleInterval, IsTheDifferenceOfTheTargetsClock) {
    EXPECT_EQ(sample_interval(at(864'120'000), at(864'180'000), minutes{15}), seconds{60});
}

TEST(SampleInterval, IsUnknownAfterARestart) {
    EXPECT_FALSE(sample_interval(at(1'000), at(61'000, second_life), minutes{15}));
    EXPECT_FALSE(sample_interval(at(1'000), at(61'000, {first_life.start_ticks, 2'000}), minutes{15}));
    EXPECT_FALSE(sample_interval(at(1'000), at(61'000, {90'000, first_life.start_time}), minutes{15}));
}

TEST(SampleInterval, IsUnknownWhenTheClockStandsOrGoesBack) {
    EXPECT_FALSE(sample_interval(at(5'000), at(5'000), minutes{15}));
    EXPECT_FALSE(sample_interval(at(5'000), at(4'999), minutes{15}));
}

TEST(SampleInterval, IsUnknownOverAGap) {
    EXPECT_TRUE(sample_interval(at(0), at(900'000), minutes{15}));
    EXPECT_FALSE(sample_interval(at(0), at(900'001), minutes{15}));
}

TEST(SampleInterval, SurvivesHostileClocks) {
    constexpr auto low = std::numeric_limits<std::int64_t>::min();
    constexpr auto high = std::numeric_limits<std::int64_t>::max();
    EXPECT_FALSE(sample_interval(at(low), at(high), minutes{15}));
    EXPECT_FALSE(sample_interval(at(-10), at(10), minutes{15}));
}

TEST(CounterDelta, NeedsBothAndNeverGoesDown) {
    EXPECT_EQ(counter_delta(17, 20), 3);
    EXPECT_EQ(counter_delta(20, 20), 0);
    EXPECT_FALSE(counter_delta(20, 17));
    EXPECT_FALSE(counter_delta(std::nullopt, 17));
    EXPECT_FALSE(counter_delta(17, std::nullopt));
    EXPECT_FALSE(counter_delta(-1, 17));
    EXPECT_FALSE(counter_delta(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()));
}

TEST(PerSecond, DividesByTheInterval) {
    EXPECT_DOUBLE_EQ(per_second(72'000.0, seconds{60}).value(), 1'200.0);
    EXPECT_DOUBLE_EQ(per_second(1.0, milliseconds{500}).value(), 2.0);
    EXPECT_FALSE(per_second(std::nullopt, seconds{60}));
    EXPECT_FALSE(per_second(1.0, milliseconds{0}));
}

TEST(MakeCounterSet, SortsAndKeepsTheFirstOfAKey) {
    const CounterSet set = make_counter_set({{"b", 2}, {"a", 1}, {"b", 3}});
    ASSERT_EQ(set.size(), 2U);
    EXPECT_EQ(set[0].key, "a");
    EXPECT_EQ(set[1].key, "b");
    EXPECT_EQ(set[1].value, 2);
}

TEST(DeltaSumFromZero, CountsANewKeyFromZero) {
    EXPECT_EQ(delta_sum({{"a", 10}}, {{"a", 15}, {"b", 90}}, KeyRule::from_zero), 95.0);
}

TEST(DeltaSumFromZero, IsUnknownWhenAnyKeyWentDownOrDisappeared) {
    EXPECT_FALSE(delta_sum({{"a", 10}, {"b", 5}}, {{"a", 15}, {"b", 4}}, KeyRule::from_zero));
    EXPECT_FALSE(delta_sum({{"a", 10}, {"b", 5}}, {{"a", 15}}, KeyRule::from_zero));
    EXPECT_FALSE(delta_sum({{"a", 10}}, {{"a", 15}, {"b", -3}}, KeyRule::from_zero));
}

TEST(DeltaSumFromZero, OfNothingIsZero) {
    EXPECT_EQ(delta_sum({}, {}, KeyRule::from_zero), 0.0);
}

TEST(DeltaSumOwnLife, LeavesOutNewResetAndVanishedKeys) {
    EXPECT_EQ(delta_sum({{"a", 10}}, {{"a", 15}, {"new", 1'000}}, KeyRule::own_life), 5.0);
    EXPECT_EQ(delta_sum({{"a", 10}, {"reset", 500}}, {{"a", 15}, {"reset", 2}}, KeyRule::own_life), 5.0);
    EXPECT_EQ(delta_sum({{"a", 10}, {"gone", 500}}, {{"a", 15}}, KeyRule::own_life), 5.0);
}

TEST(DeltaSumOwnLife, IsUnknownWithoutAnyValidPredecessor) {
    EXPECT_FALSE(delta_sum({}, {{"a", 15}}, KeyRule::own_life));
    EXPECT_FALSE(delta_sum({{"a", 15}}, {{"a", 14}}, KeyRule::own_life));
    EXPECT_FALSE(delta_sum({}, {}, KeyRule::own_life));
}

}  // namespace
}  // namespace vitals::core
