// What is asked of which server, and the text that asks it.
#include "prober/connectors/mssql/mssql_plan.h"

#include <string>
#include <vector>

#include "mssql_test_support.h"
#include "prober/connectors/mssql/mssql_batch.h"

namespace vitals::prober {
namespace {

const char* const three_variants = R"({"name":"g","builtin":true,"variants":[
    {"editions":[5],"sql":"SELECT 5"}, {"min_version":16,"sql":"SELECT 16"}, {"min_version":11,"sql":"SELECT 11"}],
    "metrics":[{"name":"m","source":"a"}]})";

std::string sql_for(const core::MetricGroup& group, int version, std::int64_t edition) {
    const core::GroupVariant* variant = variant_for(group, version, edition);
    return variant != nullptr ? variant->sql : "none";
}

TEST(MssqlPlan, TheFirstVariantThatFits) {
    const core::MetricGroup group = core::parse_metric_group(three_variants);
    EXPECT_EQ(sql_for(group, 16, 3), "SELECT 16");
    EXPECT_EQ(sql_for(group, 15, 3), "SELECT 11");
    EXPECT_EQ(sql_for(group, 10, 3), "none");
    EXPECT_EQ(sql_for(group, 12, 5), "SELECT 5") << "Azure SQL Database says 12";
    EXPECT_EQ(sql_for(group, 12, 8), "SELECT 16") << "a Managed Instance says 12 and can everything";
    EXPECT_EQ(sql_for(group, 16, 11), "none");
}

std::shared_ptr<const MssqlPlan> plan_of(const Definitions& definitions, MssqlKind kind) {
    return std::make_shared<const MssqlPlan>(definitions, std::move(kind));
}

const char* const hostile = R"({"name":"mine","row_limit":7,"variants":[{"sql":"SELECT 'it''s' AS a -- ;"}],
    "metrics":[{"name":"m","source":"a"}]})";

TEST(MssqlPlan, TenantsGroupsRunInABatchOfTheirOwn) {
    const auto plan = plan_of(definitions_of({hostile, three_variants}), {16, 3, false, {}});
    ASSERT_EQ(plan->groups().size(), 2U);
    EXPECT_EQ(plan->groups()[0].statement, "SELECT 16");
    EXPECT_EQ(plan->groups()[1].statement, "EXEC sys.sp_executesql N'SET ROWCOUNT 8;\nSELECT ''it''''s'' AS a -- ;'");
}

TEST(MssqlPlan, Procedures) {
    const auto plan = plan_of(definitions_of({hostile, three_variants}), {10, 3, true, {}});
    EXPECT_EQ(plan->groups()[0].statement, "") << "absent is absent";
    EXPECT_EQ(plan->groups()[1].statement, "EXEC vitals.collect_mine");
}

TEST(MssqlPlan, SourcesOfWhatIsWanted) {
    const Definitions definitions = definitions_of({R"j({"name":"c","builtin":true,"layout":"rows",
        "variants":[{"sql":"SELECT {{sources}} IN ({{sources}})"}],"metrics":[
        {"name":"a","source":"O\\It's"}, {"name":"b","kind":"ratio","source":"O\\Hit","base":"O\\Hit base"}]})j"});
    EXPECT_EQ(plan_of(definitions, {16, 3, false, {"b"}})->groups()[0].statement,
              "SELECT N'Hit', N'Hit base' IN (N'Hit', N'Hit base')");
    EXPECT_EQ(plan_of(definitions, {16, 3, false, {"a"}})->groups()[0].statement, "SELECT N'It''s' IN (N'It''s')");
    EXPECT_TRUE(plan_of(definitions, {16, 3, false, {"x"}})->groups().empty());
}

TEST(MssqlPlan, CpuIsWantedByItsName) {
    EXPECT_TRUE(plan_of(definitions_of({}), {16, 3, false, {}})->wants_cpu());
    EXPECT_TRUE(plan_of(definitions_of({}), {16, 3, false, {"x", "cpu_percent"}})->wants_cpu());
    EXPECT_FALSE(plan_of(definitions_of({}), {16, 3, false, {"x"}})->wants_cpu());
}

TEST(MssqlPlans, ServersOfOneKindShareAPlan) {
    MssqlPlans plans;
    plans.define(definitions_of({three_variants}));
    const auto one = plans.plan_for({16, 3, false, {}}, nullptr);
    EXPECT_EQ(plans.plan_for({16, 3, false, {}}, one), one);
    EXPECT_EQ(plans.plan_for({16, 3, false, {}}, nullptr), one);
    EXPECT_NE(plans.plan_for({15, 3, false, {}}, one), one);
    EXPECT_NE(plans.plan_for({16, 3, true, {}}, one), one);
    EXPECT_NE(plans.plan_for({16, 3, false, {"m"}}, one), one);
    plans.define(definitions_of({three_variants}));
    EXPECT_NE(plans.plan_for({16, 3, false, {}}, one), one) << "other definitions";
    EXPECT_EQ(one->groups().size(), 1U) << "what a poll is using stays";
}

// Every definition of the catalogue reads, and has a statement for each version and edition or is absent there.
TEST(MssqlPlan, OfTheCatalogue) {
    const Definitions definitions = builtin_definitions();
    ASSERT_GE(definitions->size(), 20U);
    for (const int version : {11, 12, 13, 14, 15, 16}) {
        const auto plan = plan_of(definitions, {version, 3, false, {}});
        std::size_t present = 0;
        for (const PlannedGroup& group : plan->groups()) {
            present += group.statement.empty() ? 0 : 1;
            EXPECT_EQ(group.statement.find("{{"), std::string::npos) << group.plan.group().name;
        }
        EXPECT_GE(present, 15U) << version;
    }
}

TEST(MssqlBatch, Marker) {
    EXPECT_EQ(marker_statement("waits"), "SELECT N'waits' AS vitals_group");
    EXPECT_EQ(quoted("a'b"), "N'a''b'");
    EXPECT_EQ(procedure_call("waits"), "EXEC vitals.collect_waits");
    EXPECT_NE(own_statement("server").find("SERVERPROPERTY"), std::string_view::npos);
    EXPECT_THROW(own_statement("waits"), std::out_of_range);
}

}  // namespace
}  // namespace vitals::prober
