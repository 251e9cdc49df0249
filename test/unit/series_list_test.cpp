// Names of values that are worked out once, shared by whoever has them, and gone when nobody does.
#include "core/series_list.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/series_numbers.h"

namespace vitals::core {
namespace {

const std::vector<Value> some_values = {
    {"file_reads", "D:b", 1}, {"cpu_percent", "", 2}, {"file_reads", "D:a", std::nullopt}, {"uptime", "", 4}};

TEST(SeriesList, HasTheNumbersInTheOrderOfItsParts) {
    SeriesLists lists;
    const auto list = lists.list_of(some_values);
    ASSERT_EQ(list->size(), 4U);
    ASSERT_EQ(list->parts().size(), 2U);
    EXPECT_EQ(list->parts()[0]->metric(1), "uptime");
    EXPECT_EQ(list->parts()[1]->instance(0), "D:a");
    const auto numbers = list->in_order(numbers_of(some_values));
    EXPECT_EQ(numbers[0], 2);
    EXPECT_EQ(numbers[1], 4);
    EXPECT_TRUE(std::isnan(numbers[2]));
    EXPECT_EQ(numbers[3], 1);
}

TEST(SeriesList, GivesNumbersTheirNamesBack) {
    SeriesLists lists;
    const auto values = lists.list_of(some_values)->named(numbers_of(some_values));
    ASSERT_EQ(values.size(), some_values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(values[i].metric, some_values[i].metric);
        EXPECT_EQ(values[i].instance, some_values[i].instance);
        EXPECT_EQ(values[i].value, some_values[i].value);
    }
}

TEST(SeriesLists, ShareWhatIsTheSameAndCountItOnce) {
    SeriesLists lists;
    EXPECT_EQ(lists.used(), 0U);
    auto one = lists.list_of(some_values);
    const std::size_t of_one = lists.used();
    EXPECT_GT(of_one, 0U);
    EXPECT_EQ(lists.list_of(some_values), one);
    EXPECT_EQ(lists.used(), of_one);

    auto turned = some_values;
    std::swap(turned[0], turned[2]);
    auto other = lists.list_of(turned);
    EXPECT_NE(other, one) << "where values are in the result is another matter";
    EXPECT_EQ(other->hash(), one->hash());
    EXPECT_EQ(other->parts(), one->parts());
    EXPECT_EQ(other->in_order(numbers_of(turned)).back(), 1);

    one.reset();
    other.reset();
    EXPECT_EQ(lists.used(), 0U);
}

TEST(SeriesLists, CountWhatTheyTakeWithThatOfOthers) {
    const auto all = std::make_shared<SeriesUsage>();
    SeriesLists one(all);
    SeriesLists other(all);
    auto of_one = one.list_of(some_values);
    const auto of_other = other.list_of(some_values);
    EXPECT_NE(of_one, of_other) << "tenants have nothing in common";
    EXPECT_EQ(one.used(), other.used());
    EXPECT_EQ(all->bytes(), one.used() + other.used());
    of_one.reset();
    EXPECT_EQ(one.used(), 0U);
    EXPECT_EQ(all->bytes(), other.used());
}

TEST(SeriesLists, ForgetWhatNobodyHas) {
    SeriesLists lists;
    for (int i = 0; i < 10'000; ++i)
        lists.list_of({{"file_reads", std::to_string(i), 1}});
    EXPECT_EQ(lists.used(), 0U);
    const auto kept = lists.list_of(some_values);
    for (int i = 0; i < 10'000; ++i)
        lists.list_of({{"file_reads", std::to_string(i), 1}});
    EXPECT_EQ(lists.list_of(some_values), kept);
}

TEST(RecentSeries, AreThoseUsedLast) {
    SeriesLists lists;
    const auto list = lists.list_of(some_values);
    RecentSeries recent;
    for (std::uint64_t i = 0; i < max_known_series; ++i)
        recent.add({i, 4}, list);
    recent.used({0, 4});
    recent.add({max_known_series, 4}, list);
    EXPECT_EQ(recent.refs().size(), max_known_series);
    EXPECT_EQ(recent.find({0, 4}), list);
    EXPECT_FALSE(recent.find({1, 4}));
    EXPECT_FALSE(recent.find({0, 5})) << "a number of another count is another list";
    recent.add({0, 4}, list);
    EXPECT_EQ(recent.refs().size(), max_known_series) << "each once";
}

TEST(SeriesNumbers, NamesAreLeftOutWhereTheJobKnowsThem) {
    const SeriesNumbers numbers;
    Result result;
    result.values = some_values;
    Job job;
    numbers.number(result, job);
    ASSERT_TRUE(result.series);
    EXPECT_EQ(result.series->count, some_values.size());
    EXPECT_FALSE(result.without_names);

    job.series = {{1, 4}, *result.series};
    Result again;
    again.values = some_values;
    again.values[0].value = 100;
    numbers.number(again, job);
    EXPECT_TRUE(again.without_names);
    EXPECT_EQ(again.numbers.at(0), 100);

    Result other;
    other.values = some_values;
    std::swap(other.values[0].instance, other.values[2].instance);
    numbers.number(other, job);
    EXPECT_FALSE(other.without_names) << "the order counts";

    Result of_another_process;
    of_another_process.values = some_values;
    SeriesNumbers().number(of_another_process, job);
    EXPECT_FALSE(of_another_process.without_names);

    Result nothing;
    numbers.number(nothing, job);
    EXPECT_FALSE(nothing.series);
}

TEST(SeriesNumbers, NamesThatReadTheSameAreNotTheSame) {
    const SeriesNumbers numbers;
    const auto number_of = [&](const char* metric, const char* instance) {
        Result result;
        result.values = {{metric, instance, 1}};
        numbers.number(result, {});
        return result.series->number;
    };
    EXPECT_NE(number_of("ab", "c"), number_of("a", "bc"));
}

}  // namespace
}  // namespace vitals::core
