// For how long groups are not asked, or not with the others.
#include "prober/connectors/mssql/mssql_refusals.h"

#include <gtest/gtest.h>

namespace vitals::prober {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

TEST(MssqlApart, EndsAfterAnHour) {
    const MssqlApart::Clock::time_point start{hours(1000)};
    MssqlApart apart;
    EXPECT_FALSE(apart.contains("slow", start));
    apart.put("slow", start);
    EXPECT_TRUE(apart.contains("slow", start));
    EXPECT_TRUE(apart.contains("slow", start + minutes(59)));
    EXPECT_FALSE(apart.contains("slow", start + minutes(60)));
    EXPECT_FALSE(apart.contains("other", start));
    apart.put("slow", start + minutes(70));
    EXPECT_TRUE(apart.contains("slow", start + minutes(120))) << "it was too slow once more";
    apart.clear();
    EXPECT_FALSE(apart.contains("slow", start + minutes(120)));
}

TEST(MssqlRefusals, ANewConnectionForgetsWhatWasDeniedAlone) {
    MssqlRefusals refusals;
    refusals.deny("denied", {core::ErrorClass::permission, 229, ""});
    refusals.put_aside("broke", {core::ErrorClass::protocol, 0, ""});
    refusals.forget_denied();
    EXPECT_EQ(refusals.find("denied"), nullptr);
    ASSERT_NE(refusals.find("broke"), nullptr);
    EXPECT_EQ(refusals.find("broke")->state, core::GroupState::failed);
    refusals.clear();
    EXPECT_EQ(refusals.find("broke"), nullptr);
}

}  // namespace
}  // namespace vitals::prober
