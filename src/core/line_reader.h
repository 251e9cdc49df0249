// Reads a line of the protocol: a tree of its fields, but the values of a result, most of every line, without one. A
// tree of them costs four times as much.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "core/json_fields.h"

namespace vitals::core {

// Throws WireError for a text that is longer than `limit`, no JSON, or nested deeper than any field of ours.
Json parse_line(std::string_view line, std::size_t limit);

// Moving a Json does not throw. NOLINTNEXTLINE(bugprone-exception-escape)
struct ParsedReport {
    Json fields;  // all but "values" and "numbers"
    std::vector<Value> values;
    bool has_values = false;
    std::vector<double> numbers;
    bool has_numbers = false;
};

// The same for a line whose field "values", if it has one, is [[metric, number or null, instance]…], the instance being
// left out where there is none, and whose field "numbers" is [number or null…]. Also throws WireError for values that
// break a rule, and for a series that is there twice.
ParsedReport parse_report_line(std::string_view line, std::size_t limit);

}  // namespace vitals::core
