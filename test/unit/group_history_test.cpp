#include "core/group_history.h"

#include <gtest/gtest.h>

namespace vitals::core {
namespace {

using namespace std::chrono_literals;

constexpr GroupHistory::Clock::time_point now{1'000'000s};

GroupStatus ok(std::string name) {
    return {
        .name = std::move(name), .state = GroupState::ok, .duration_ms = 1, .rows = 2, .data_bytes = 16, .failure = {}};
}

GroupStatus failed(std::string name, ErrorClass error_class) {
    return {.name = std::move(name),
            .state = GroupState::failed,
            .duration_ms = 1,
            .rows = 0,
            .data_bytes = 0,
            .failure = Failure{error_class, 1, "no"}};
}

TEST(GroupHistoryTest, ItIsWrittenAtFirstOnChangesAndEveryFiveMinutes) {
    GroupHistory history;
    EXPECT_FALSE(history.update({}, "1", now)) << "there is nothing to write";
    EXPECT_TRUE(history.update({ok("a"), ok("b")}, "1", now));
    EXPECT_FALSE(history.update({ok("a"), ok("b")}, "2", now + 1min));
    EXPECT_TRUE(history.update({ok("a"), failed("b", ErrorClass::permission)}, "3", now + 2min));
    EXPECT_FALSE(history.update({ok("a"), failed("b", ErrorClass::permission)}, "4", now + 3min));
    EXPECT_TRUE(history.update({failed("b", ErrorClass::timeout)}, "5", now + 4min)) << "another class";
    EXPECT_FALSE(history.update({ok("a")}, "6", now + 8min + 59s));
    EXPECT_TRUE(history.update({ok("a")}, "7", now + 9min));
}

TEST(GroupHistoryTest, GroupsThatDidNotRunKeepWhatTheyHad) {
    GroupHistory history;
    history.update({ok("slow"), ok("fast")}, "1", now);
    history.update({failed("fast", ErrorClass::timeout)}, "2", now);
    ASSERT_EQ(history.outcomes().size(), 2U);
    EXPECT_EQ(history.outcomes()[0].status.name, "fast");
    EXPECT_EQ(history.outcomes()[0].at, "2");
    EXPECT_EQ(history.outcomes()[0].ok_at, "1");
    EXPECT_EQ(history.outcomes()[1].status.name, "slow");
    EXPECT_EQ(history.outcomes()[1].at, "1");
}

TEST(GroupHistoryTest, AProberCannotMakeItGrow) {
    GroupHistory history;
    for (std::size_t i = 0; i < 3 * max_groups; ++i)
        history.update({ok(std::to_string(i))}, "1", now);
    EXPECT_EQ(history.outcomes().size(), max_groups);
}

TEST(GroupHistoryTest, AClearedOneStartsOver) {
    GroupHistory history;
    history.update({ok("a")}, "1", now);
    history.clear();
    EXPECT_TRUE(history.outcomes().empty());
    EXPECT_TRUE(history.update({ok("b")}, "2", now));
}

}  // namespace
}  // namespace vitals::core
