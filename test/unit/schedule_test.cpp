// The schedule, with the clock in the test's hand.
#include "core/schedule.h"

#include <gtest/gtest.h>

#include <string>

namespace vitals::core {
namespace {

using namespace std::chrono_literals;
using Ending = Schedule::Ending;

class ScheduleTest : public testing::Test {
  protected:
    // Takes all that is due, without holding any place.
    std::vector<Schedule::Due> take(Schedule::Time at) {
        std::vector<Schedule::Due> taken;
        while (const auto due = schedule.take_due(at, places))
            taken.push_back(*due);
        return taken;
    }
    // As take(), but what was taken keeps its place.
    std::vector<Schedule::Due> take_and_hold(Schedule::Time at) {
        std::vector<Schedule::Due> taken;
        while (const auto due = schedule.take_due(at, places)) {
            places.take(due->lane);
            taken.push_back(*due);
        }
        return taken;
    }
    // A target whose poll just found nobody.
    void put_and_lose(Schedule::Key key) {
        schedule.put(key, std::to_string(key), 60s, now);
        take(now);
        schedule.done(key, Ending::down, now);
    }

    Schedule::Time now{1'000'000s};
    Schedule schedule;
    Places places = Places::of(8);
};

TEST_F(ScheduleTest, ANewTargetIsDueAtOnceAndThenOncePerInterval) {
    schedule.put(1, "a", 60s, now);
    ASSERT_EQ(take(now).size(), 1U);
    EXPECT_TRUE(take(now + 1h).empty());

    const auto second = schedule.done(1, Ending::good, now + 10ms).next;
    EXPECT_GE(second, now + 30s);
    EXPECT_LE(second, now + 90s);
    EXPECT_TRUE(take(second - 1ms).empty());
    ASSERT_EQ(take(second).size(), 1U);
    EXPECT_EQ(schedule.done(1, Ending::good, second + 20ms).next, second + 60s);
}

TEST_F(ScheduleTest, HurriedProbesAreDueAtOnceAndPollsAreNot) {
    put_and_lose(1);
    put_and_lose(2);
    schedule.put(3, "3", 60s, now);
    take(now);
    schedule.done(3, Ending::good, now);
    EXPECT_TRUE(take(now + 1s).empty());
    schedule.hurry_probes(now + 1s);
    const auto due = take(now + 1s);
    ASSERT_EQ(due.size(), 2U);
    EXPECT_TRUE(due[0].probe && due[1].probe);
    schedule.hurry_probes(now + 2s);
    EXPECT_TRUE(take(now + 2s).empty()) << "what is in flight is not started again";
    schedule.probed(1, true, now + 2s);
    EXPECT_EQ(take(now + 2s).size(), 1U);
    EXPECT_TRUE(schedule.is_down(2));
}

TEST_F(ScheduleTest, AnIntervalThatIsNoneIsMadeOne) {
    for (const auto interval : {0s, -60s, std::chrono::seconds::min() / 1000, std::chrono::seconds::max() / 1000}) {
        schedule.put(1, "a", interval, now);
        ASSERT_EQ(take(now).size(), 1U);
        const auto next = schedule.done(1, Ending::good, now).next;
        EXPECT_GT(next, now);
        EXPECT_LE(next, now + 48h);
        schedule.remove(1);
        schedule.put_down(2, "b", interval, now);
        EXPECT_LE(schedule.take_passed(now + 1h).size(), 1U);
        schedule.remove(2);
    }
    schedule.put(1, "a", 60s, now);
    schedule.put(1, "a", 0s, now);
    EXPECT_EQ(take(now).size(), 1U);
}

TEST_F(ScheduleTest, ALatePollIsNotRepeated) {
    schedule.put(1, "a", 60s, now);
    take(now);
    const auto second = schedule.done(1, Ending::good, now).next;
    const auto late = second + 10min + 5s;
    const auto due = take(late);
    ASSERT_EQ(due.size(), 1U);
    EXPECT_EQ(due[0].due, second);
    const auto next = schedule.done(1, Ending::good, late).next;
    EXPECT_GT(next, late);
    EXPECT_EQ((next - second) % 60s, 0s);
}

TEST_F(ScheduleTest, CyclesThatALatePollSkipsAreSaid) {
    schedule.put(1, "a", 60s, now);
    take(now);
    const auto place = schedule.done(1, Ending::good, now).next;
    EXPECT_EQ(schedule.done(1, Ending::good, place + 59s).skipped.count, 0) << "before the next cycle";

    for (const auto ending : {Ending::good, Ending::failed}) {
        const auto second = *schedule.next_due(places);
        take(second + 30s);
        const auto done = schedule.done(1, ending, second + 60s);
        EXPECT_EQ(done.skipped.count, 1) << "it waits and runs until the next one begins";
        EXPECT_EQ(done.skipped.first, second + 60s);
        EXPECT_EQ(done.next, second + 120s);

        take(done.next + 10min + 5s);
        const auto late = schedule.done(1, ending, done.next + 10min + 6s);
        EXPECT_EQ(late.skipped.count, 10);
        EXPECT_EQ(late.skipped.first, done.next + 60s);
        EXPECT_EQ(late.skipped.interval, 60s);
        EXPECT_EQ(late.next, done.next + 11min);
    }
}

TEST_F(ScheduleTest, APlaceThatFollowsAnEarlyPollTooSoonIsNotSkipped) {
    for (Schedule::Key key = 0; key < 120; ++key) {
        schedule.put(key, std::to_string(key), 60s, now);
        take(now);
        EXPECT_EQ(schedule.done(key, Ending::good, now + 29s).skipped.count, 0);
        const auto place = schedule.next_cycle(key);
        schedule.hurry(key, place - 29s, Lane::proven);
        take(place - 29s);
        EXPECT_EQ(schedule.done(key, Ending::good, place + 1s).skipped.count, 0);
        EXPECT_EQ(schedule.next_cycle(key), place + 60s);
        schedule.hurry(key, place + 1s, Lane::proven);
        take(place + 1s);
        EXPECT_EQ(schedule.done(key, Ending::good, place + 61s).skipped.count, 1);
    }
}

TEST_F(ScheduleTest, WhatIsRepeatedHasSkippedNoLess) {
    schedule.put(1, "a", 60s, now);
    take(now);
    const auto place = schedule.done(1, Ending::good, now).next;
    take(place + 3min);
    schedule.again(1, 500ms, place + 3min);
    schedule.hurry(1, place + 3min + 100ms, Lane::proven);
    take(place + 3min + 500ms);
    EXPECT_EQ(schedule.done(1, Ending::good, place + 3min + 1s).skipped.count, 3);
}

TEST_F(ScheduleTest, WhatIsRepeatedLateIsFollowedByTheNextCycle) {
    schedule.put(1, "a", 60s, now);
    take(now);
    const auto place = schedule.done(1, Ending::good, now).next;
    take(place);
    schedule.again(1, 500ms, place + 40s);
    take(place + 41s);
    const auto done = schedule.done(1, Ending::good, place + 42s);
    EXPECT_EQ(done.next, place + 60s);
    EXPECT_EQ(done.skipped.count, 0);
}

TEST_F(ScheduleTest, AnIntervalThatBecomesShorterMakesNoCyclesOfTheTimeBefore) {
    schedule.put(1, "a", 3600s, now);
    take(now);
    const auto place = schedule.done(1, Ending::good, now).next;
    // Due, and two cycles late.
    const auto skipped = schedule.put(1, "a", 30s, place + 2h + 30min);
    EXPECT_EQ(skipped.count, 2);
    EXPECT_EQ(skipped.first, place + 1h);
    EXPECT_EQ(skipped.interval, 1h);
    take(place + 2h + 30min);
    EXPECT_LE(schedule.done(1, Ending::good, place + 2h + 30min + 29s).skipped.count, 1);
    EXPECT_EQ(schedule.put(1, "a", 60s, place + 2h + 30min + 29s).count, 0) << "what was said once is not said again";
}

TEST_F(ScheduleTest, AnIntervalThatIsChangedMeanwhileSkipsNothingThatWasNotThere) {
    schedule.put(1, "a", 3600s, now);
    take(now);
    schedule.put(1, "a", 30s, now + 100s);
    const auto done = schedule.done(1, Ending::good, now + 100s);
    EXPECT_EQ(done.skipped.count, 0);
    schedule.put(1, "a", 3600s, now + 101s);
    schedule.put(1, "a", 30s, now + 102s);
    const auto place = *schedule.next_due(places);
    EXPECT_LE(place, now + 132s);
    take(place);
    EXPECT_EQ(schedule.done(1, Ending::good, place + 29s).skipped.count, 0);
    take(place + 30s);
    EXPECT_EQ(schedule.done(1, Ending::good, place + 61s).skipped.count, 1);
}

// The place in the new interval may come while the poll runs that was due a moment ago: that is its cycle still.
TEST_F(ScheduleTest, AnIntervalThatBecomesShorterDuringAPollSkipsNothing) {
    for (auto after = 0ms; after < 30s; after += 50ms) {
        const auto due = now + after;
        Schedule one;
        one.put(1, "a", 60s, due);
        ASSERT_TRUE(one.take_due(due, places));
        EXPECT_EQ(one.put(1, "a", 30s, due + 10ms).count, 0);
        const auto done = one.done(1, Ending::good, due + 200ms);
        EXPECT_EQ(done.skipped.count, 0) << after.count();
        EXPECT_GE(done.next, due + 15s) << "nor is it polled twice in a moment";
        EXPECT_LE(done.next, due + 45s);
    }
}

TEST_F(ScheduleTest, APollAfterAProbeLeavesTheRowOfTheCycleThatHasCome) {
    for (const bool answered : {true, false}) {
        const Schedule::Key key = answered ? 1 : 2;
        put_and_lose(key);
        const auto cycle = schedule.next_cycle(key);
        take(cycle + 1s);
        if (!answered) schedule.hurry(key, cycle + 1s, Lane::proven);
        schedule.probed(key, answered, cycle + 1s);
        take(cycle + 1s);
        EXPECT_TRUE(schedule.take_passed(cycle + 1s).empty());
        const auto done = schedule.done(key, Ending::good, cycle + 121s);
        EXPECT_EQ(done.skipped.count, 2);
        EXPECT_EQ(done.skipped.first, cycle + 60s);
        schedule.remove(key);
    }
}

TEST_F(ScheduleTest, PhasesAreStableAndSpread) {
    Schedule other;
    for (Schedule::Key key = 0; key < 600; ++key) {
        const auto identity = std::to_string(key);
        schedule.put(key, identity, 60s, now);
        other.put(key + 1000, identity, 60s, now);
    }
    take(now);
    while (other.take_due(now, places)) {
    }
    int first_half = 0;
    for (Schedule::Key key = 0; key < 600; ++key) {
        const auto place = schedule.done(key, Ending::good, now).next;
        EXPECT_EQ(place, other.done(key + 1000, Ending::good, now).next);
        if (place < now + 60s) ++first_half;
    }
    EXPECT_GT(first_half, 200);
    EXPECT_LT(first_half, 400);
}

TEST_F(ScheduleTest, WithoutPlacesTheLeastOverdueWait) {
    for (Schedule::Key key = 0; key < 5; ++key)
        schedule.put(key, "x", 60s, now + key * 1s, Lane::proven);
    places.resize(2);
    const auto due = take_and_hold(now + 10s);
    ASSERT_EQ(due.size(), 2U);
    EXPECT_EQ(due[0].key, 0U);
    EXPECT_EQ(due[1].key, 1U);
    EXPECT_EQ(schedule.waiting(now + 10s, 0s), 3U);
    EXPECT_EQ(schedule.waiting(now + 10s, 8s), 1U);
    EXPECT_EQ(schedule.next_due(places), std::nullopt);
    places.give_back(due[0].lane);
    EXPECT_EQ(schedule.next_due(places), now + 2s);
}

TEST_F(ScheduleTest, OnlyTheProvenMayUseAllPlaces) {
    for (Schedule::Key key = 0; key < 30; ++key)
        schedule.put(key, std::to_string(key), 60s, now, Lane::failing);
    EXPECT_EQ(take_and_hold(now).size(), 2U) << "a quarter for the failing";
    for (Schedule::Key key = 100; key < 130; ++key)
        schedule.put(key, std::to_string(key), 60s, now);
    EXPECT_EQ(take_and_hold(now).size(), 4U) << "half for those of which nothing is known";
    EXPECT_EQ(schedule.next_due(places), std::nullopt);
    for (Schedule::Key key = 200; key < 230; ++key)
        schedule.put(key, std::to_string(key), 60s, now, Lane::proven);
    EXPECT_EQ(take_and_hold(now).size(), 2U) << "the rest";
    EXPECT_EQ(places.taken(), 8U);
}

TEST_F(ScheduleTest, EveryLaneHasAPlaceHoweverFewThereAre) {
    places.resize(1);
    for (const Lane lane : {Lane::proven, Lane::unproven, Lane::failing})
        EXPECT_EQ(places.free(lane), 1U);
    places.take(Lane::failing);
    EXPECT_EQ(places.free(Lane::proven), 0U);
    places.resize(0);
    EXPECT_EQ(places.free(Lane::failing), 0U) << "more is taken than there is now";
}

TEST_F(ScheduleTest, APlaceThatIsTakenAheadIsThatOfAnotherOne) {
    places.resize(2);
    HeldPlace running(places, Lane::proven);
    const HeldPlace other(places, Lane::proven);
    EXPECT_EQ(places.free(Lane::proven), 0U);
    EXPECT_EQ(places.with_one_free().free(Lane::proven), 1U);
    {
        HeldPlace ahead(places, Lane::unproven, HeldPlace::Kind::ahead);
        EXPECT_EQ(places.taken(), 2U) << "it has not begun";
        EXPECT_EQ(places.ahead(), 1U);
        EXPECT_EQ(places.with_one_free().free(Lane::unproven), 0U) << "but it counts in its lane, which has one";
        { const HeldPlace ends(std::move(running)); }
        ahead.begin();
        EXPECT_FALSE(ahead.ahead());
        EXPECT_EQ(places.taken(), 2U);
        EXPECT_EQ(places.ahead(), 0U);
        const HeldPlace never(places, Lane::proven, HeldPlace::Kind::ahead);
    }
    EXPECT_EQ(places.taken(), 1U);
    EXPECT_EQ(places.ahead(), 0U) << "also of one that was given up before it began";
    EXPECT_EQ(places.free(Lane::unproven), 1U);
}

TEST_F(ScheduleTest, WhatDidNotBeginWaitsForAsLongAsBefore) {
    schedule.put(1, "a", 60s, now, Lane::proven);
    schedule.put(2, "b", 60s, now + 1s, Lane::proven);
    const auto due = take(now + 5s);
    ASSERT_EQ(due.size(), 2U);
    schedule.not_begun(due[1]);
    schedule.not_begun(due[0]);
    const auto again = take(now + 6s);
    ASSERT_EQ(again.size(), 2U);
    EXPECT_EQ(again[0].key, 1U);
    EXPECT_EQ(again[0].due, due[0].due);
    EXPECT_EQ(again[1].due, due[1].due);
    schedule.remove(1);
    schedule.not_begun(again[0]);
    EXPECT_EQ(schedule.next_due(places), std::nullopt) << "it was removed meanwhile";
}

TEST_F(ScheduleTest, OneDispatchInTenIsForWhatHasWaitedTooLong) {
    for (Schedule::Key key = 1; key <= 100; ++key)
        schedule.put(key, std::to_string(key), 60s, now, Lane::proven);
    for (Schedule::Key key = 101; key <= 110; ++key)
        schedule.put(key, std::to_string(key), 60s, now, Lane::unproven);
    const auto lanes_of = [](const std::vector<Schedule::Due>& taken) {
        std::string lanes;
        for (const auto& due : taken)
            lanes += due.lane == Lane::proven ? 'p' : 'u';
        return lanes;
    };
    places = Places::of(20);
    EXPECT_EQ(lanes_of(take_and_hold(now + 29s)), "pppppppppppppppppppp") << "a burst of half a minute";
    places = Places::of(20);
    EXPECT_EQ(lanes_of(take_and_hold(now + 30s)), "pppppppppupppppppppu");
    places = Places::of(20);
    for (int i = 0; i < 10; ++i)
        places.take(Lane::unproven);
    EXPECT_EQ(lanes_of(take_and_hold(now + 60s)), "pppppppppp") << "not beyond the lane's share";
}

TEST_F(ScheduleTest, AFailedPollIsRepeatedAtItsPlaceAmongTheFailing) {
    schedule.put(1, "a", 60s, now);
    take(now);
    auto next = schedule.done(1, Ending::failed, now).next;
    auto due = take(next);
    ASSERT_EQ(due.size(), 1U);
    EXPECT_EQ(due[0].lane, Lane::failing);
    EXPECT_FALSE(due[0].probe);
    next = schedule.done(1, Ending::good, next).next;
    due = take(next);
    ASSERT_EQ(due.size(), 1U);
    EXPECT_EQ(due[0].lane, Lane::proven);
}

TEST_F(ScheduleTest, ATargetThatIsDownIsProbedAfterGrowingWaits) {
    put_and_lose(1);
    EXPECT_TRUE(schedule.is_down(1));
    auto at = now;
    for (const auto wait : {10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
        EXPECT_TRUE(take(at + wait - 1ms).empty());
        at += wait;
        EXPECT_EQ(schedule.next_probe(1), at);
        const auto due = take(at);
        ASSERT_EQ(due.size(), 1U) << wait.count();
        EXPECT_EQ(schedule.next_probe(1), at) << "also while it runs";
        EXPECT_TRUE(due[0].probe);
        EXPECT_EQ(due[0].lane, Lane::failing);
        schedule.probed(1, false, at);
    }
}

TEST_F(ScheduleTest, TheCyclesOfATargetThatIsDownPassOnceEach) {
    put_and_lose(1);
    auto cycle = schedule.next_cycle(1);
    EXPECT_LE(cycle, now + 90s);
    for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(schedule.take_passed(cycle - 1ms).empty());
        const auto passed = schedule.take_passed(cycle);
        ASSERT_EQ(passed.size(), 1U);
        EXPECT_EQ(passed[0].key, 1U);
        EXPECT_EQ(passed[0].skipped.count, 0);
        EXPECT_TRUE(schedule.take_passed(cycle).empty());
        EXPECT_EQ(schedule.next_cycle(1), cycle + 60s);
        cycle += 60s;
    }
    // As of a poll: what was missed is not made up for.
    const auto passed = schedule.take_passed(cycle + 10min);
    ASSERT_EQ(passed.size(), 1U);
    EXPECT_EQ(passed[0].skipped.count, 10);
    EXPECT_EQ(passed[0].skipped.first, cycle + 60s);
    EXPECT_TRUE(schedule.take_passed(cycle + 10min).empty());
}

TEST_F(ScheduleTest, AnAnsweredProbeMakesAPollDueAtOnce) {
    put_and_lose(1);
    ASSERT_EQ(take(now + 10s).size(), 1U);
    schedule.probed(1, true, now + 10s);
    EXPECT_EQ(schedule.next_probe(1), std::nullopt);
    const auto due = take(now + 10s);
    ASSERT_EQ(due.size(), 1U);
    EXPECT_FALSE(due[0].probe);
    EXPECT_TRUE(schedule.take_passed(now + 1h).empty()) << "the poll leaves the row of its cycle";
    const auto next = schedule.done(1, Ending::good, now + 11s).next;
    EXPECT_FALSE(schedule.is_down(1));
    EXPECT_EQ(take(next).at(0).lane, Lane::proven);
}

// It listens, and does not let anybody in: without this it would be polled every ten seconds.
TEST_F(ScheduleTest, OnlyAGoodPollStartsTheWaitsOver) {
    put_and_lose(1);
    take(now + 10s);
    schedule.probed(1, true, now + 10s);
    take(now + 10s);
    schedule.done(1, Ending::down, now + 10s);
    EXPECT_TRUE(take(now + 29s).empty());
    ASSERT_EQ(take(now + 30s).size(), 1U);
    schedule.probed(1, true, now + 30s);
    take(now + 30s);
    schedule.done(1, Ending::good, now + 30s);
    schedule.hurry(1, now + 31s, Lane::proven);
    take(now + 31s);
    schedule.done(1, Ending::down, now + 31s);
    EXPECT_EQ(take(now + 41s).size(), 1U);
}

TEST_F(ScheduleTest, ATargetThatWasDownBeforeIsPolledOnceMore) {
    schedule.put_down(1, "a", 60s, now);
    const auto due = take(now);
    ASSERT_EQ(due.size(), 1U);
    EXPECT_FALSE(due[0].probe);
    EXPECT_EQ(due[0].lane, Lane::failing);
    schedule.done(1, Ending::down, now);
    EXPECT_EQ(schedule.take_passed(now + 90s).size(), 1U);
    EXPECT_EQ(schedule.down(), 1U);
}

TEST_F(ScheduleTest, AChangedIntervalTakesEffectWithTheNextCycle) {
    schedule.put(1, "a", 3600s, now);
    take(now);
    schedule.done(1, Ending::good, now);
    schedule.put(1, "a", 30s, now + 1s);
    EXPECT_LE(*schedule.next_due(places), now + 31s);

    schedule.put(2, "b", 3600s, now);
    take(now);
    schedule.done(2, Ending::down, now);
    schedule.put(2, "b", 30s, now + 1s);
    EXPECT_LE(schedule.next_cycle(2), now + 31s) << "also while it is down";
}

TEST_F(ScheduleTest, ARemovedTargetIsGoneAlsoWhileItsPollRuns) {
    schedule.put(1, "a", 60s, now);
    schedule.put(2, "b", 60s, now);
    put_and_lose(3);
    schedule.remove(2);
    schedule.remove(1);
    schedule.remove(3);
    EXPECT_EQ(schedule.done(1, Ending::good, now).next, Schedule::Time{});
    schedule.probed(3, true, now);
    schedule.again(3, 1s, now);
    schedule.hurry(3, now, Lane::proven);
    EXPECT_EQ(schedule.size(), 0U);
    EXPECT_EQ(schedule.down(), 0U);
    EXPECT_EQ(schedule.next_due(places), std::nullopt);
}

TEST_F(ScheduleTest, WhatGotLostComesAgainSoon) {
    schedule.put(1, "a", 3600s, now);
    take(now);
    schedule.again(1, 500ms, now);
    EXPECT_TRUE(take(now + 499ms).empty());
    EXPECT_EQ(take(now + 500ms).size(), 1U);

    put_and_lose(2);
    take(now + 10s);
    schedule.again(2, 500ms, now + 10s);
    const auto due = take(now + 11s);
    ASSERT_EQ(due.size(), 1U);
    EXPECT_TRUE(due[0].probe) << "a probe as a probe";
}

TEST_F(ScheduleTest, HurryMakesAWaitingTargetDue) {
    schedule.put(1, "a", 3600s, now);
    take(now);
    schedule.hurry(1, now, Lane::proven);
    EXPECT_TRUE(take(now).empty()) << "a running poll is not started twice";
    schedule.done(1, Ending::good, now);
    schedule.hurry(1, now + 1s, Lane::proven);
    EXPECT_EQ(take(now + 1s).size(), 1U);
}

TEST_F(ScheduleTest, HurryKeepsWhatIsOverdueInItsTurn) {
    schedule.put(1, "a", 60s, now);
    schedule.hurry(1, now + 5s, Lane::proven);
    const auto due = take(now + 5s);
    ASSERT_EQ(due.size(), 1U);
    EXPECT_EQ(due[0].due, now);
}

TEST_F(ScheduleTest, SomebodyWhoAsksForATargetThatIsDownGetsAPollAndNoProbe) {
    put_and_lose(1);
    schedule.hurry(1, now + 1s, Lane::proven);
    auto due = take(now + 1s);
    ASSERT_EQ(due.size(), 1U);
    EXPECT_FALSE(due[0].probe);
    EXPECT_EQ(due[0].lane, Lane::proven) << "and does not wait behind the probes of others";
    schedule.done(1, Ending::down, now + 6s);

    ASSERT_EQ(take(now + 26s).size(), 1U);
    schedule.hurry(1, now + 27s, Lane::unproven);
    EXPECT_TRUE(take(now + 27s).empty()) << "while a probe runs there is no second connection";
    schedule.probed(1, false, now + 28s);
    due = take(now + 28s);
    ASSERT_EQ(due.size(), 1U);
    EXPECT_FALSE(due[0].probe);
}

}  // namespace
}  // namespace vitals::core
