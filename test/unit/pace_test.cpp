// How often something may be done that others ask for, with the clock in the test's hand.
#include "core/pace.h"

#include <gtest/gtest.h>

namespace vitals::core {
namespace {

using namespace std::chrono_literals;

class PaceTest : public testing::Test {
  protected:
    // Does it over and over as soon as it may be done; returns the part of the span that it took.
    double work_for(Pace::Duration span, Pace::Duration took) {
        const auto end = now + span;
        Pace::Duration worked{};
        while (now < end) {
            const auto started = now;
            worked += took;
            now = pace.done(started, started + took);
        }
        return std::chrono::duration<double>(worked) / std::chrono::duration<double>(span);
    }

    Pace::Time now{1'000'000s};
    Pace pace;
};

TEST_F(PaceTest, ShortWorksLeaveFourTimesTheirTime) {
    EXPECT_EQ(pace.done(now, now + 50ms), now + 250ms);
    EXPECT_EQ(pace.done(now + 1s, now + 1001ms), now + 1101ms);
}

TEST_F(PaceTest, ASingleLongWorkLeavesHalfASecond) {
    EXPECT_EQ(pace.done(now, now + 3s), now + 3500ms);
    EXPECT_EQ(pace.done(now + 1min, now + 63s), now + 63500ms);
}

TEST_F(PaceTest, WhoKeepsAskingForLongOnesHasAFifthOfTheTime) {
    EXPECT_GT(work_for(10s, 1s), 0.5);
    work_for(2min, 1s);
    EXPECT_LT(work_for(10min, 1s), 0.21);
    EXPECT_GT(work_for(10min, 1s), 0.19);
}

TEST_F(PaceTest, NoWaitIsEndless) {
    for (int i = 0; i < 100; ++i)
        EXPECT_LE(pace.done(now, now + 10min), now + 11min);
}

TEST_F(PaceTest, TimeWithoutWorkIsCredit) {
    work_for(10min, 1s);
    now += 2min;
    EXPECT_EQ(pace.done(now, now + 1s), now + 1500ms);
}

}  // namespace
}  // namespace vitals::core
