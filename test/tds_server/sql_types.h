// SQL Server's data types: their names, and values turned from one into another.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tds_server/engine.h"

namespace tds_server {

bool is_integer(SqlType type) noexcept;      // bit included
bool is_approximate(SqlType type) noexcept;  // real, float
bool is_exact(SqlType type) noexcept;        // decimal, money
bool is_text(SqlType type) noexcept;
bool is_time(SqlType type) noexcept;
inline bool is_number(SqlType type) noexcept {
    return is_integer(type) || is_approximate(type) || is_exact(type);
}

// "nvarchar" with the numbers in its brackets; -1 stands for max. Nothing for an unknown name.
std::optional<ColumnType> type_from_name(std::string_view name, const std::vector<int>& arguments);

std::string_view type_name(SqlType type) noexcept;

// Throws SqlError 245, 241 or 8115 when the value does not fit.
Cell convert(const Cell& value, const ColumnType& to);
Cell convert(Cell&& value, const ColumnType& to);

double to_double(const Cell& value);
std::string to_text(const Cell& value);
// The same without a copy of a text; room is for the others.
std::string_view to_text(const Cell& value, std::string& room);
bool is_null(const Cell& value) noexcept;

// Less than, equal, greater than zero. Neither is NULL. Texts: letter case and blanks at the end do not count.
int compare(const Cell& a, const Cell& b, bool as_numbers);

}  // namespace tds_server
