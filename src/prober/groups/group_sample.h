// What one run of a metric group read, and what is kept of it for the next one. No arithmetic yet; a missing or odd
// value is simply absent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/rates.h"
#include "prober/freetds/tds_rows.h"
#include "prober/groups/group_plan.h"

namespace vitals::prober {

// Nothing, an exact integer, or a finite number.
using Reading = std::variant<std::monostate, std::int64_t, double>;

struct ReadRow {
    std::size_t table = 0;
    std::uint64_t key = 0;      // tells whether a row of the sample before is the same one
    std::size_t first = 0;      // of its readings: one for each source of the table
    std::string instance;       // the labels, joined with "/"; ends with "…" where it was too long for a report
    std::string_view category;  // of the definition; empty where nothing is categorised
    bool ignored = false;       // the category is "ignored"
    // Several rows have one key: of cumulative sources the first of them has the sum, and stands for all.
    bool shared = false;
    bool repeated = false;  // one of the others
};

struct GroupReading {
    std::vector<ReadRow> rows;  // by table and key
    std::vector<Reading> readings;
    bool truncated = false;            // there were more rows than the group may have
    std::size_t row_count = 0;         // how many there were
    std::vector<std::string> missing;  // columns that the result should have and has not
    std::vector<std::size_t> begin;    // of each table in rows, and the end of the last
};

// What differences are computed from later: the cumulative sources alone.
struct GroupSample {
    struct Row {
        std::uint64_t key;
        std::uint32_t table;
        std::uint32_t first;
    };
    std::uint64_t layout = 0;  // of the plan
    core::SampleClock clock;
    bool truncated = false;
    std::vector<Row> rows;  // by table and key
    std::vector<Reading> readings;
};

// The result refers to the plan, not to `set`. Rows beyond the group's limit are counted, not used.
GroupReading read_group(const GroupPlan& plan, const ResultSet& set);

GroupSample keep_sample(const GroupPlan& plan, const GroupReading& reading, const core::SampleClock& clock);

}  // namespace vitals::prober
