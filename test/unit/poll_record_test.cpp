// A batch of polls as storage reads it, and which sets of series it names.
#include "core/poll_record.h"

#include <gtest/gtest.h>
#include <array>

#include <limits>
#include <string>
#include <utility>

#include "core/known_sets.h"

namespace vitals::core {
namespace {

void put(PollRecord& record, const std::vector<Value>& values) {
    SeriesLists lists;
    record.series = lists.list_of(values);
    record.numbers = record.series->in_order(numbers_of(values));
}

TEST(PollRecord, IsWhatStorageReads) {
    PollRecord record;
    record.server_id = "e1";
    record.status = TargetStatus::degraded;
    record.failure = Failure{ErrorClass::permission, 300, "denied \"x\""};
    const std::vector<Value> values = {{"cpu_percent", "", std::nullopt}, {"disk_percent", "/", 10.5}};
    put(record, values);
    record.interval_ms = 60000;
    const SetHash plain = hash_of_names({&values[0]});
    const SetHash disks = hash_of_names({&values[1]});
    // A cycle that passed without a poll has neither a start nor a duration.
    EXPECT_EQ(encode_records({&record}, {}),
              R"({"polls":[{"collected":false,"collected_at":"","consecutive_failures":0,)"
              R"("error":{"class":"permission","message":"denied \"x\"","number":300},"interval_ms":60000.0,)"
              R"("next_due_at":"","server_id":"e1","set":0,"status":"degraded",)"
              R"("vals":"{NULL,10.5}"}],"sets":[{"hash":")" +
                  to_text(hash_of_parts({plain, disks})) + R"(","parts":[{"hash":")" + to_text(plain) +
                  R"(","names":[["cpu_percent",""]]},{"hash":")" + to_text(disks) +
                  R"(","names":[["disk_percent","/"]]}]}]})");
}

TEST(PollRecord, SaysWhatItCostAndWhatCameOfGroups) {
    PollRecord record;
    record.started_at = "then";
    record.next_probe_at = "soon";
    record.lag_ms = 1.5;
    record.duration_ms = 20;
    record.cost = PollRecord::Cost{.login_ms = 0, .query_ms = 12.5, .bytes = 4000, .rows = 110, .round_trips = 1};
    record.groups = {
        {{.name = "waits", .state = GroupState::ok, .duration_ms = 2, .rows = 97, .data_bytes = 2400, .failure = {}},
         "now",
         "now"},
        {{.name = "jobs",
          .state = GroupState::denied,
          .duration_ms = 0,
          .rows = 0,
          .data_bytes = 0,
          .failure = Failure{ErrorClass::permission, 229, "no"}},
         "now",
         ""}};
    EXPECT_EQ(encode_records({&record}, {}),
              R"({"polls":[{"bytes":4000,"collected":false,"collected_at":"","consecutive_failures":0,)"
              R"("duration_ms":20.0,"groups":{"jobs":{"at":"now","class":"permission","data_bytes":0,"message":"no",)"
              R"("ms":0.0,"number":229,"rows":0,"state":"denied"},)"
              R"("waits":{"at":"now","data_bytes":2400,"ms":2.0,"ok_at":"now","rows":97,"state":"ok"}},"lag_ms":1.5,)"
              R"("login_ms":0.0,"next_due_at":"","next_probe_at":"soon","query_ms":12.5,"round_trips":1,"rows":110,)"
              R"("server_id":"",)"
              R"("started_at":"then","status":"unknown"}],"sets":[]})");
}

TEST(PollRecord, NamesTheSameSeriesOnce) {
    PollRecord one;
    put(one, {{"cpu_percent", "", 1.5}, {"disk_percent", "/", 0.1}});
    PollRecord other;
    put(other, {{"disk_percent", "/", 1e300}, {"cpu_percent", "", std::numeric_limits<double>::infinity()}});
    const PollRecord none;
    const std::string batch = encode_records({&one, &none, &other}, {});
    EXPECT_NE(batch.find(R"("vals":"{1.5,0.1}")"), std::string::npos);
    EXPECT_NE(batch.find(R"("vals":"{NULL,1e+300}")"), std::string::npos);
    EXPECT_NE(batch.find(R"("names":[["cpu_percent",""]])"), std::string::npos);
    EXPECT_NE(batch.find(R"("names":[["disk_percent","/"]])"), std::string::npos);
    EXPECT_EQ(batch.find(R"("set":1)"), std::string::npos);
}

TEST(PollRecord, NamesNoSetOrPartThatStorageKnows) {
    PollRecord one;
    const std::vector<Value> values = {{"cpu_percent", "", 1.5}, {"disk_percent", "/", 2}};
    put(one, {values[0]});
    PollRecord other;
    put(other, values);
    const SetHash plain = hash_of_names({&values[0]});
    const SetHash disks = hash_of_names({&values[1]});
    KnownSets known;
    const auto told = [&] {
        const std::string json = encode_records({&one, &other}, known);
        const auto count = [&](const std::string& text) {
            int found = 0;
            for (auto at = json.find(text); at != std::string::npos; at = json.find(text, at + 1))
                ++found;
            return found;
        };
        return std::array{count(R"(["cpu_percent",""])"), count(R"(["disk_percent","/"])"), count(R"("parts":)")};
    };
    EXPECT_EQ(told(), (std::array{1, 1, 2})) << "what both have is named once";
    known.add(to_text(hash_of_parts({plain})));
    EXPECT_EQ(told(), (std::array{1, 1, 1})) << "the other set needs the part";
    known.add("," + to_text(plain) + ",nonsense,");
    EXPECT_EQ(told(), (std::array{0, 1, 1}));
    known.add(to_text(hash_of_parts({plain, disks})));
    EXPECT_EQ(told(), (std::array{0, 0, 0}));
    known.clear();
    EXPECT_EQ(told(), (std::array{1, 1, 2}));
}

TEST(KnownSets, PartsAreMetricsWithoutInstancesAndThenFamiliesOfThoseWithSome) {
    const std::vector<Value> values = {
        {"wait_time_ms", "LCK", 1}, {"file_reads", "D:b", 2}, {"wait_count", "LCK", 3}, {"uptime", "", 4},
        {"file_reads", "D:a", 5},   {"wait_total", "", 6},    {"wait_time_ms", "", 7},  {"cpu", "", 8}};
    std::vector<std::vector<double>> found;
    for (const auto& part : parts_of(values)) {
        found.emplace_back();
        for (const auto* value : part)
            found.back().push_back(value->value.value());
    }
    // Of wait_time_ms, one instance is the empty one: all of a metric's are in one part.
    EXPECT_EQ(found, (std::vector<std::vector<double>>{{8, 4, 6}, {5, 2}, {3, 7, 1}}));
    EXPECT_TRUE(parts_of({}).empty());
}

TEST(KnownSets, NamesThatReadTheSameAreNotTheSame) {
    const Value ab_c{"ab", "c", 1};
    const Value a_bc{"a", "bc", 1};
    const Value a{"a", "", 1};
    const Value b{"b", "", 1};
    EXPECT_NE(hash_of_names({&ab_c}), hash_of_names({&a_bc}));
    EXPECT_NE(hash_of_names({&a, &b}), hash_of_names({&b, &a}));
    EXPECT_NE(hash_of_names({&a}), hash_of_names({&a, &a}));
    EXPECT_EQ(to_text(hash_of_names({})).size(), 32U);
    // Nor is a set what its only part is, or two parts what one is.
    EXPECT_NE(hash_of_parts({hash_of_names({&a})}), hash_of_names({&a}));
    EXPECT_NE(hash_of_parts({hash_of_names({&a}), hash_of_names({&b})}), hash_of_parts({hash_of_names({&a, &b})}));
}

TEST(KnownSets, AHashIsReadAsItIsWritten) {
    const Value value{"cpu_percent", "", 1};
    const SetHash hash = hash_of_names({&value});
    EXPECT_EQ(set_hash_from_text(to_text(hash)), hash);
    EXPECT_FALSE(set_hash_from_text(""));
    EXPECT_FALSE(set_hash_from_text(to_text(hash) + "0"));
    EXPECT_FALSE(set_hash_from_text("g" + to_text(hash).substr(1)));
}

TEST(KnownSets, AreBounded) {
    const auto numbered = [](std::size_t number) {
        SetHash hash{};
        std::memcpy(hash.data(), &number, sizeof number);
        return hash;
    };
    KnownSets known;
    std::string list;
    for (std::size_t i = 0; i < 150'000; ++i)
        list += to_text(numbered(i)) + ",";
    known.add(list);
    EXPECT_TRUE(known.contains(numbered(7)));
    known.add(to_text(numbered(150'000)));
    EXPECT_FALSE(known.contains(numbered(7)));
    EXPECT_TRUE(known.contains(numbered(150'000)));
}

}  // namespace
}  // namespace vitals::core
