// A set of definitions is handed on whole or not at all.
#include "prober/definition_intake.h"

#include <gtest/gtest.h>

#include <string>

namespace vitals::prober {
namespace {

core::Define define(const std::string& name, std::size_t groups, bool reset) {
    core::Define define{"mssql", groups, reset, std::nullopt};
    if (!name.empty())
        define.group = core::parse_metric_group(R"({"name":")" + name +
                                                R"(","variants":[{"sql":"x"}],"metrics":[{"name":"m","source":"a"}]})");
    return define;
}

TEST(DefinitionIntake, GivesTheSetWhenItIsComplete) {
    DefinitionIntake intake;
    EXPECT_FALSE(intake.take(define("a", 2, true)));
    const auto groups = intake.take(define("b", 2, false));
    ASSERT_TRUE(groups);
    EXPECT_EQ(groups->size(), 2U);
    EXPECT_TRUE(groups->contains("a"));
    EXPECT_THROW(intake.take(define("c", 2, false)), core::WireError) << "the set is closed";
}

TEST(DefinitionIntake, ASetWithoutGroups) {
    DefinitionIntake intake;
    const auto groups = intake.take(define("", 0, true));
    ASSERT_TRUE(groups);
    EXPECT_TRUE(groups->empty());
}

TEST(DefinitionIntake, ANewSetReplacesOneThatWasBegun) {
    DefinitionIntake intake;
    EXPECT_FALSE(intake.take(define("a", 2, true)));
    const auto groups = intake.take(define("b", 1, true));
    ASSERT_TRUE(groups);
    EXPECT_EQ(groups->size(), 1U);
    EXPECT_TRUE(groups->contains("b"));
}

TEST(DefinitionIntake, RefusesWhatDoesNotContinueTheSet) {
    DefinitionIntake intake;
    EXPECT_THROW(intake.take(define("a", 2, false)), core::WireError);
    intake.take(define("a", 3, true));
    EXPECT_THROW(intake.take(define("b", 2, false)), core::WireError);
    EXPECT_THROW(intake.take(define("a", 3, false)), core::WireError);
    core::Define other = define("b", 3, false);
    other.connector = "local";
    EXPECT_THROW(intake.take(std::move(other)), core::WireError);
}

}  // namespace
}  // namespace vitals::prober
