// Result sets as values, independent of db-lib, so that the arithmetic over them can be tested without a connection.
// A server may send any type in any column: accessors answer "nothing" for a type that was not asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace vitals::prober {

// NULL or a type we do not read; integers and bit; times as microseconds since 1970-01-01 00:00 by the clock they were
// stored with; real, float, decimal and money; text.
using Cell = std::variant<std::monostate, std::int64_t, double, std::string>;
using Row = std::vector<Cell>;

struct ResultSet {
    std::vector<std::string> columns;
    std::vector<Row> rows;
    std::size_t left_out = 0;      // rows that were read over
    std::uint64_t data_bytes = 0;  // of the values in all rows, also those; text as UTF-8

    // Position of a column, ignoring ASCII case; nothing when there is none.
    [[nodiscard]] std::optional<std::size_t> column(std::string_view name) const;
};

// Nothing for another type, and for a row that is too short.
std::optional<std::int64_t> integer_at(const Row& row, std::optional<std::size_t> column);
std::optional<std::string_view> text_at(const Row& row, std::optional<std::size_t> column);

// SQL Server's names differ in letter case between versions and collations.
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

}  // namespace vitals::prober
