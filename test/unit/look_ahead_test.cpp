// How many polls are handed over ahead, with the clock in the test's hand.
#include "core/look_ahead.h"

#include <gtest/gtest.h>

namespace vitals::core {
namespace {

using namespace std::chrono_literals;

class LookAheadTest : public testing::Test {
  protected:
    // So long after the end of the time before, with so many polls since then.
    std::size_t away(LookAhead::Time::duration after, LookAhead::Time::duration took, std::int64_t polls) {
        polled += polls;
        ahead.away(now + after, now + after + took, polled);
        now += after + took;
        return ahead.polls();
    }

    LookAhead::Time now{1'000'000s};
    std::int64_t polled = 0;
    LookAhead ahead;
};

TEST_F(LookAheadTest, NothingBeforeTheFirstTime) {
    EXPECT_EQ(ahead.polls(), 0U);
    EXPECT_LE(away(1s, 100ms, 500), 1U) << "nothing is known of the pace";
}

TEST_F(LookAheadTest, WhatEndsWhileItIsAway) {
    away(1s, 100ms, 0);
    EXPECT_EQ(away(900ms, 100ms, 2000), 200U) << "2,000 a second, a tenth of a second";
    EXPECT_EQ(away(950ms, 50ms, 2000), 100U);
    EXPECT_EQ(away(990ms, 10ms, 80), 1U) << "a fleet on schedule";
    EXPECT_EQ(away(990ms, 10ms, 0), 0U);
}

TEST_F(LookAheadTest, GoesOnWithWhatWasWhileNothingIsStored) {
    away(1s, 100ms, 0);
    away(900ms, 100ms, 2000);
    EXPECT_EQ(away(20ms, 100us, 40), 200U);
    EXPECT_EQ(away(879900us, 100ms, 1960), 200U) << "and counts from the last time that something was";
}

TEST_F(LookAheadTest, IsBounded) {
    away(1s, 100ms, 0);
    EXPECT_EQ(away(0s, 2s, 2000), 250U) << "a lock that took two seconds";
    EXPECT_EQ(away(0s, 250ms, 10'000), 500U);
    EXPECT_EQ(away(1s, 10ms, -12'000), 0U) << "a count that began anew";
}

}  // namespace
}  // namespace vitals::core
