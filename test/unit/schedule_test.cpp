// The schedule, with the clock in the test's hand.
#include "core/schedule.h"

#include <gtest/gtest.h>

#include <string>

namespace vitals::core {
namespace {

using namespace std::chrono_literals;

class ScheduleTest : public testing::Test {
  protected:
    Schedule::Time now{1'000'000s};
    Schedule schedule;
};

TEST_F(ScheduleTest, ANewTargetIsDueAtOnceAndThenOncePerInterval) {
    schedule.put(1, "a", 60s, now);
    ASSERT_EQ(schedule.take_due(now, 10, 10).size(), 1U);
    EXPECT_TRUE(schedule.take_due(now + 1h, 10, 10).empty());

    const auto second = schedule.done(1, true, now + 10ms);
    EXPECT_GE(second, now + 30s);
    EXPECT_LE(second, now + 90s);
    EXPECT_TRUE(schedule.take_due(second - 1ms, 10, 10).empty());
    ASSERT_EQ(schedule.take_due(second, 10, 10).size(), 1U);
    EXPECT_EQ(schedule.done(1, true, second + 20ms), second + 60s);
}

TEST_F(ScheduleTest, ALatePollIsNotRepeated) {
    schedule.put(1, "a", 60s, now);
    schedule.take_due(now, 10, 10);
    const auto second = schedule.done(1, true, now);
    const auto late = second + 10min + 5s;
    const auto due = schedule.take_due(late, 10, 10);
    ASSERT_EQ(due.size(), 1U);
    EXPECT_EQ(due[0].due, second);
    const auto next = schedule.done(1, true, late);
    EXPECT_GT(next, late);
    EXPECT_EQ((next - second) % 60s, 0s);
}

TEST_F(ScheduleTest, PhasesAreStableAndSpread) {
    Schedule other;
    std::set<Schedule::Time> places;
    for (Schedule::Key key = 0; key < 600; ++key) {
        const auto identity = std::to_string(key);
        schedule.put(key, identity, 60s, now);
        other.put(key + 1000, identity, 60s, now);
    }
    schedule.take_due(now, 1000, 0);
    other.take_due(now, 1000, 0);
    int first_half = 0;
    for (Schedule::Key key = 0; key < 600; ++key) {
        const auto place = schedule.done(key, true, now);
        EXPECT_EQ(place, other.done(key + 1000, true, now));
        if (place < now + 60s) ++first_half;
    }
    EXPECT_GT(first_half, 200);
    EXPECT_LT(first_half, 400);
}

TEST_F(ScheduleTest, TheLimitLeavesTheLeastOverdueWaiting) {
    for (Schedule::Key key = 0; key < 5; ++key)
        schedule.put(key, "x", 60s, now + key * 1s);
    const auto due = schedule.take_due(now + 10s, 2, 0);
    ASSERT_EQ(due.size(), 2U);
    EXPECT_EQ(due[0].key, 0U);
    EXPECT_EQ(due[1].key, 1U);
    EXPECT_EQ(schedule.overdue(now + 10s), 3U);
    EXPECT_EQ(schedule.next_due(true), now + 2s);
}

TEST_F(ScheduleTest, SuspectsHaveTheirOwnLimit) {
    for (Schedule::Key key = 0; key < 4; ++key) {
        schedule.put(key, std::to_string(key), 60s, now);
    }
    schedule.take_due(now, 10, 10);
    for (Schedule::Key key = 0; key < 4; ++key)
        schedule.done(key, key == 0, now);
    const auto later = now + 10min;
    const auto due = schedule.take_due(later, 10, 2);
    ASSERT_EQ(due.size(), 3U);
    EXPECT_EQ(due[0].key, 0U);
    EXPECT_EQ(schedule.next_due(false), std::nullopt);
    EXPECT_TRUE(schedule.next_due(true).has_value());
}

TEST_F(ScheduleTest, ASuspectThatAnswersIsHealthyAgain) {
    schedule.put(1, "a", 60s, now);
    schedule.take_due(now, 1, 1);
    auto next = schedule.done(1, false, now);
    EXPECT_TRUE(schedule.take_due(next, 1, 0).empty());
    ASSERT_EQ(schedule.take_due(next, 1, 1).size(), 1U);
    next = schedule.done(1, true, next);
    EXPECT_EQ(schedule.take_due(next, 1, 0).size(), 1U);
}

TEST_F(ScheduleTest, AChangedIntervalTakesEffectWithTheNextCycle) {
    schedule.put(1, "a", 3600s, now);
    schedule.take_due(now, 1, 1);
    schedule.done(1, true, now);
    schedule.put(1, "a", 30s, now + 1s);
    EXPECT_LE(*schedule.next_due(true), now + 31s);
}

TEST_F(ScheduleTest, ARemovedTargetIsGoneAlsoWhileItsPollRuns) {
    schedule.put(1, "a", 60s, now);
    schedule.put(2, "b", 60s, now);
    schedule.remove(2);
    ASSERT_EQ(schedule.take_due(now, 10, 10).size(), 1U);
    schedule.remove(1);
    EXPECT_EQ(schedule.done(1, true, now), Schedule::Time{});
    EXPECT_EQ(schedule.size(), 0U);
    EXPECT_EQ(schedule.next_due(true), std::nullopt);
}

TEST_F(ScheduleTest, ALostPollComesAgainSoon) {
    schedule.put(1, "a", 3600s, now);
    schedule.take_due(now, 1, 1);
    EXPECT_EQ(schedule.again(1, 500ms, now), now + 500ms);
    EXPECT_EQ(schedule.take_due(now + 500ms, 1, 1).size(), 1U);
}

TEST_F(ScheduleTest, HurryMakesAWaitingTargetDue) {
    schedule.put(1, "a", 3600s, now);
    schedule.take_due(now, 1, 1);
    schedule.hurry(1, now);
    EXPECT_TRUE(schedule.take_due(now, 1, 1).empty()) << "a running poll is not started twice";
    schedule.done(1, true, now);
    schedule.hurry(1, now + 1s);
    EXPECT_EQ(schedule.take_due(now + 1s, 1, 1).size(), 1U);
}

}  // namespace
}  // namespace vitals::core
