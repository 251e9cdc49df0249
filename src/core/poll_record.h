// A finished poll as the collector hands it to storage: the argument of vitals.store_polls.
//
// A batch is one JSON object. Most polls of a tenant have the same series, so their names stand in it once, and not at
// all where storage knows their hash:
//   {"sets": [{"hash": "0c…", "parts": [{"hash": "b1…", "names": [["cpu_percent", ""], …]}, {"hash": "e4…"}]},
//             {"hash": "7f…"}, …],
//    "polls": [{"server_id": …, "set": 0, "vals": "{12.5,NULL}", …}, …]}
// "set" counts from 0; "vals" has the values of all parts of the set, as an array literal of PostgreSQL, which it reads
// ten times as fast as JSON. Both are left out where nothing was read. A set may also have its "names" as a whole, or
// be these names alone: then nothing is remembered of it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/group_history.h"
#include "core/known_sets.h"
#include "core/series_list.h"
#include "core/target_status.h"
#include "core/wire.h"

namespace vitals::core {

struct PollRecord {
    std::string server_id;  // uuid
    // Times as text that timestamptz reads, in UTC with milliseconds.
    std::string collected_at;
    std::string started_at;  // empty: a cycle without a poll, which passed since the target is down, or was skipped
    std::string next_due_at;
    std::string next_probe_at;  // empty: it is not probed but polled
    TargetStatus status = TargetStatus::unknown;
    bool collected = false;  // something was read
    int consecutive_failures = 0;
    std::optional<double> lag_ms;
    std::optional<double> duration_ms;
    std::optional<double> interval_ms;
    std::optional<Failure> failure;
    // What it cost; nothing where there was no poll, or the connector does not say.
    struct Cost {
        double login_ms = 0;
        double query_ms = 0;
        std::uint64_t bytes = 0;
        std::uint64_t rows = 0;
        std::uint64_t round_trips = 0;
    };
    std::optional<Cost> cost;
    std::vector<GroupOutcome> groups;  // empty unless they are to be written
    // What was read: a number for each of the series, in the order of their parts; not a number where it is not known.
    std::shared_ptr<const SeriesList> series;  // null: nothing was
    std::vector<double> numbers;
    std::map<std::string, std::string> facts;
};

// What vitals.collect_now unpacks: a JSON object with collected_at, status, duration_ms, error_class and error.
std::string encode_summary(const PollRecord& record);

// The batch, with the polls in the order given, and the names of those sets and parts that are not known.
std::string encode_records(const std::vector<const PollRecord*>& records, const KnownSets& known);

}  // namespace vitals::core
