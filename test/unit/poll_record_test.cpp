// A batch of polls as storage reads it, and which sets of series it names.
#include "core/poll_record.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>

#include "core/known_sets.h"

namespace vitals::core {
namespace {

TEST(PollRecord, IsWhatStorageReads) {
    PollRecord record;
    record.server_id = "e1";
    record.status = TargetStatus::degraded;
    record.failure = Failure{ErrorClass::permission, 300, "denied \"x\""};
    record.values = {{"cpu_percent", "", std::nullopt}, {"disk_percent", "/", 10.5}};
    record.interval_ms = 60000;
    // A cycle that passed without a poll has neither a start nor a duration.
    EXPECT_EQ(encode_records({&record}, {}).json,
              R"({"polls":[{"collected":false,"collected_at":"","consecutive_failures":0,)"
              R"("error":{"class":"permission","message":"denied \"x\"","number":300},"interval_ms":60000.0,)"
              R"("next_due_at":"","server_id":"e1","set":0,"status":"degraded",)"
              R"("vals":"{NULL,10.5}"}],"sets":[{"hash":")" +
                  to_text(hash_of_names({&record.values[0], &record.values[1]})) +
                  R"(","names":[["cpu_percent",""],["disk_percent","/"]]}]})");
}

TEST(PollRecord, SaysWhatItCostAndWhatCameOfGroups) {
    PollRecord record;
    record.started_at = "then";
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
    EXPECT_EQ(encode_records({&record}, {}).json,
              R"({"polls":[{"bytes":4000,"collected":false,"collected_at":"","consecutive_failures":0,)"
              R"("duration_ms":20.0,"groups":{"jobs":{"at":"now","class":"permission","data_bytes":0,"message":"no",)"
              R"("ms":0.0,"number":229,"rows":0,"state":"denied"},)"
              R"("waits":{"at":"now","data_bytes":2400,"ms":2.0,"ok_at":"now","rows":97,"state":"ok"}},"lag_ms":1.5,)"
              R"("login_ms":0.0,"next_due_at":"","query_ms":12.5,"round_trips":1,"rows":110,"server_id":"",)"
              R"("started_at":"then","status":"unknown"}],"sets":[]})");
}

TEST(PollRecord, NamesTheSameSeriesOnce) {
    PollRecord one;
    one.values = {{"cpu_percent", "", 1.5}, {"disk_percent", "/", 0.1}};
    PollRecord other;
    other.values = {{"disk_percent", "/", 1e300}, {"cpu_percent", "", std::numeric_limits<double>::infinity()}};
    const PollRecord none;
    const EncodedBatch batch = encode_records({&one, &none, &other}, {});
    EXPECT_NE(batch.json.find(R"("vals":"{1.5,0.1}")"), std::string::npos);
    EXPECT_NE(batch.json.find(R"("vals":"{NULL,1e+300}")"), std::string::npos);
    EXPECT_NE(batch.json.find(R"("names":[["cpu_percent",""],["disk_percent","/"]])"), std::string::npos);
    EXPECT_EQ(batch.json.find(R"("set":1)"), std::string::npos);
    EXPECT_EQ(batch.sets.size(), 1U);
}

TEST(PollRecord, NamesNoSetThatStorageKnows) {
    PollRecord one;
    one.values = {{"cpu_percent", "", 1.5}};
    PollRecord other;
    other.values = {{"cpu_percent", "", 1.5}, {"disk_percent", "/", 2}};
    KnownSets known;
    const auto names = [&] {
        const std::string json = encode_records({&one, &other}, known).json;
        return std::pair(json.find(R"([["cpu_percent",""]])") != std::string::npos,
                         json.find(R"(["disk_percent","/"])") != std::string::npos);
    };
    EXPECT_EQ(names(), std::pair(true, true));
    const auto hashes = encode_records({&one, &other}, known).sets;
    ASSERT_EQ(hashes.size(), 2U);
    known.add(to_text(hashes[0]));
    EXPECT_EQ(names(), std::pair(false, true));
    known.add("," + to_text(hashes[1]) + ",nonsense,");
    EXPECT_EQ(names(), std::pair(false, false));
    known.forget({hashes[0]});
    EXPECT_EQ(names(), std::pair(true, false));
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
    for (std::size_t i = 0; i < 50'000; ++i)
        list += to_text(numbered(i)) + ",";
    known.add(list);
    EXPECT_TRUE(known.contains(numbered(7)));
    known.add(to_text(numbered(50'000)));
    EXPECT_FALSE(known.contains(numbered(7)));
    EXPECT_TRUE(known.contains(numbered(50'000)));
}

}  // namespace
}  // namespace vitals::core
