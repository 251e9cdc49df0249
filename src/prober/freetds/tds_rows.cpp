#include "prober/freetds/tds_rows.h"

#include <algorithm>

namespace vitals::prober {

namespace {

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

template <typename Type>
const Type* cell_at(const Row& row, std::optional<std::size_t> column) {
    if (!column || *column >= row.size()) return nullptr;
    return std::get_if<Type>(&row[*column]);
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::size_t> ResultSet::column(std::string_view name) const {
    const auto found = std::find_if(columns.begin(), columns.end(),
                                    [&](const std::string& column) { return equal_ignoring_case(column, name); });
    if (found == columns.end()) return std::nullopt;
    return static_cast<std::size_t>(found - columns.begin());
}

std::optional<std::int64_t> integer_at(const Row& row, std::optional<std::size_t> column) {
    const auto* cell = cell_at<std::int64_t>(row, column);
    return cell != nullptr ? std::optional(*cell) : std::nullopt;
}

std::optional<std::string_view> text_at(const Row& row, std::optional<std::size_t> column) {
    const auto* cell = cell_at<std::string>(row, column);
    return cell != nullptr ? std::optional<std::string_view>(*cell) : std::nullopt;
}

}  // namespace vitals::prober
