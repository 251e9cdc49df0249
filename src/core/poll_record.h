// A finished poll as the collector hands it to storage: the argument of vitals.store_polls.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/target_status.h"
#include "core/wire.h"

namespace vitals::core {

struct PollRecord {
    int server_key = 0;
    // Times as text that timestamptz reads, in UTC with milliseconds.
    std::string collected_at;
    std::string started_at;
    std::string next_due_at;
    TargetStatus old_status = TargetStatus::unknown;
    TargetStatus status = TargetStatus::unknown;
    bool collected = false;  // something was read
    int consecutive_failures = 0;
    double lag_ms = 0;
    double duration_ms = 0;
    std::optional<double> interval_ms;
    std::optional<Failure> failure;
    std::vector<Value> values;
    std::map<std::string, std::string> facts;
};

// A JSON array, in the order given.
std::string encode_records(const std::vector<PollRecord>& records);

}  // namespace vitals::core
