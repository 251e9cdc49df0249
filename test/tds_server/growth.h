// Which values of the recorded tables grow, and how: worked out once, when the fixture is read.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tds_server/engine.h"

namespace tds_server {

enum class Growth {
    none,    // as in the nearer poll
    swing,   // between the two polls
    load,    // as swing, and the more the busier the server is
    work,    // cumulative
    clock,   // cumulative with time; a restart of the service does not touch it
    started  // when the service started
};

// For the rows of one of the two samples.
struct SampleGrowth {
    std::vector<std::optional<std::size_t>> partners;  // the same row in the other sample
    std::vector<Growth> counters;                      // of the value, where every row has its own kind
};

struct GrowthPlan {
    std::vector<Growth> columns;
    std::optional<std::size_t> counter_column;
    SampleGrowth poll1;
    SampleGrowth poll2;

    Growth of(const SampleGrowth& sample, std::size_t row, std::size_t column) const {
        return column == counter_column ? sample.counters[row] : columns[column];
    }
};

// Counters: "object\counter" without the instance's prefix, or "object\*".
GrowthPlan plan_growth(std::string_view table, const std::vector<Column>& columns, const std::vector<Row>& poll1,
                       const std::vector<Row>& poll2, const std::set<std::string>& cumulative_counters);

}  // namespace tds_server
