// Which outcome leads to which status, and how long a prober waits before it is started again.
#include "core/target_status.h"

#include <gtest/gtest.h>

#include "core/backoff.h"
#include "core/time_text.h"

namespace vitals::core {
namespace {

using namespace std::chrono_literals;

TEST(TargetStatus, ANeverReachedTargetIsOfflineWithItsFirstFailure) {
    const auto health = after_poll({}, Outcome::failed, 3);
    EXPECT_EQ(health.status, TargetStatus::offline);
    EXPECT_EQ(health.consecutive_failures, 1);
}

TEST(TargetStatus, AReachedTargetIsOfflineAfterSeveralFailures) {
    auto health = after_poll({}, Outcome::ok, 2);
    EXPECT_EQ(health.status, TargetStatus::online);
    health = after_poll(health, Outcome::failed, 2);
    EXPECT_EQ(health.status, TargetStatus::online);
    health = after_poll(health, Outcome::failed, 2);
    EXPECT_EQ(health.status, TargetStatus::offline);
    EXPECT_EQ(health.consecutive_failures, 2);
}

TEST(TargetStatus, OneGoodPollBringsItBack) {
    const auto health = after_poll({TargetStatus::offline, 7}, Outcome::partial, 2);
    EXPECT_EQ(health.status, TargetStatus::degraded);
    EXPECT_EQ(health.consecutive_failures, 0);
    EXPECT_EQ(after_poll(health, Outcome::ok, 2).status, TargetStatus::online);
}

TEST(TargetStatus, TextsReadBack) {
    for (const auto status :
         {TargetStatus::unknown, TargetStatus::online, TargetStatus::degraded, TargetStatus::offline}) {
        EXPECT_EQ(target_status_from_text(to_text(status)), status);
    }
    EXPECT_EQ(target_status_from_text("asleep"), TargetStatus::unknown);
}

TEST(ErrorClass, TextsReadBack) {
    for (int i = 0; i <= static_cast<int>(ErrorClass::internal); ++i) {
        const auto error_class = static_cast<ErrorClass>(i);
        EXPECT_EQ(error_class_from_text(to_text(error_class)), error_class) << i;
    }
    EXPECT_FALSE(error_class_from_text("nothing"));
}

TEST(Backoff, DoublesUpToItsLimitAndStartsOverAfterAHealthyRun) {
    Backoff backoff(100ms, 1000ms, 60s);
    EXPECT_EQ(backoff.failed_after(0ms), 100ms);
    EXPECT_EQ(backoff.failed_after(5ms), 200ms);
    EXPECT_EQ(backoff.failed_after(5ms), 400ms);
    EXPECT_EQ(backoff.failed_after(5ms), 800ms);
    EXPECT_EQ(backoff.failed_after(5ms), 1000ms);
    EXPECT_EQ(backoff.failed_after(60s), 100ms);
}

TEST(TimeText, IsUtcWithMilliseconds) {
    EXPECT_EQ(utc_text(std::chrono::system_clock::time_point{1'772'445'600'007ms}), "2026-03-02 10:00:00.007+00");
    EXPECT_EQ(utc_text(std::chrono::system_clock::time_point{1'772'445'600'999ms + 999us}),
              "2026-03-02 10:00:00.999+00");
}

TEST(ErrorClass, WhoIsOutOfReachIsProbed) {
    for (const auto gone : {ErrorClass::name_lookup, ErrorClass::refused, ErrorClass::unreachable, ErrorClass::timeout,
                            ErrorClass::protocol, ErrorClass::starting, ErrorClass::connection_lost})
        EXPECT_TRUE(is_out_of_reach(gone)) << to_text(gone);
    for (const auto there : {ErrorClass::login, ErrorClass::tls, ErrorClass::permission, ErrorClass::configuration,
                             ErrorClass::prober_lost, ErrorClass::database_unavailable, ErrorClass::internal})
        EXPECT_FALSE(is_out_of_reach(there)) << to_text(there);
}

}  // namespace
}  // namespace vitals::core
