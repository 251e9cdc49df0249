#include "tds_server/sql_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "tds_server/collation.h"
#include "tds_server/sql_error.h"
#include "tds_server/timestamps.h"
#include "tds_server/tsql_lexer.h"

namespace tds_server {

namespace {

struct NamedType {
    std::string_view name;
    ColumnType type;  // with the sizes that apply when none are given
};

constexpr int finest_scale = 7;

// The first name of a type is the one that messages use.
constexpr std::array<NamedType, 27> named_types{{
    {"bit", {SqlType::bit}},
    {"tinyint", {SqlType::tinyint}},
    {"smallint", {SqlType::smallint}},
    {"int", {SqlType::integer}},
    {"integer", {SqlType::integer}},
    {"bigint", {SqlType::bigint}},
    {"real", {SqlType::real}},
    {"float", {SqlType::float8}},
    {"decimal", {SqlType::decimal, 0, 18, 0}},
    {"numeric", {SqlType::decimal, 0, 18, 0}},
    {"money", {SqlType::money, 0, 19, 4}},
    {"date", {SqlType::date}},
    {"time", {SqlType::time, 0, 0, finest_scale}},
    {"datetime", {SqlType::datetime}},
    {"smalldatetime", {SqlType::datetime}},
    {"datetime2", {SqlType::datetime2, 0, 0, finest_scale}},
    {"datetimeoffset", {SqlType::datetimeoffset, 0, 0, finest_scale}},
    {"uniqueidentifier", {SqlType::uniqueidentifier}},
    {"varbinary", {SqlType::varbinary, 30}},
    {"binary", {SqlType::varbinary, 30}},
    {"char", {SqlType::character, 30}},
    {"varchar", {SqlType::varchar, 30}},
    {"nchar", {SqlType::nchar, 30}},
    {"nvarchar", {SqlType::nvarchar, 30}},
    {"sysname", {SqlType::nvarchar, 128}},
    {"xml", {SqlType::nvarchar_max}},
    {"ntext", {SqlType::nvarchar_max}},
}};

[[noreturn]] void refuse_conversion(const std::string& value, SqlType type) {
    throw SqlError(245, 16,
                   fmt::format("Conversion failed when converting the varchar value '{}' to data type {}.", value,
                               type_name(type)));
}
[[noreturn]] void refuse_size(SqlType type) {
    throw SqlError(8115, 16,
                   fmt::format("Arithmetic overflow error converting expression to data type {}.", type_name(type)));
}

std::pair<std::int64_t, std::int64_t> range_of(SqlType type) {
    switch (type) {
        case SqlType::tinyint:
            return {0, std::numeric_limits<std::uint8_t>::max()};
        case SqlType::smallint:
            return {std::numeric_limits<std::int16_t>::min(), std::numeric_limits<std::int16_t>::max()};
        case SqlType::integer:
            return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
        default:
            return {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
    }
}

std::int64_t to_integer(const Cell& value, SqlType type) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? 1 : 0;
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
    if (const auto* text = std::get_if<std::string>(&value)) {
        const std::string_view trimmed = without_end_blanks(*text);
        std::int64_t parsed = 0;
        const auto [end, error] = std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), parsed);
        if (error == std::errc() && end == trimmed.data() + trimmed.size()) return parsed;
    }
    const double number = std::trunc(to_double(value));
    constexpr double limit = 9.2e18;
    if (!(std::abs(number) < limit)) refuse_size(type);
    return static_cast<std::int64_t>(number);
}

Cell to_sized_integer(const Cell& value, SqlType type) {
    const std::int64_t integer = to_integer(value, type);
    if (type == SqlType::bit) return Cell{integer != 0};
    const auto [least, most] = range_of(type);
    if (integer < least || integer > most) refuse_size(type);
    return Cell{integer};
}

std::string to_decimal(const Cell& value, int scale) {
    if (const auto* integer = std::get_if<std::int64_t>(&value))
        return scale == 0 ? std::to_string(*integer) : fmt::format("{}.{:0{}}", *integer, 0, scale);
    return fmt::format("{:.{}f}", to_double(value), scale);
}

int second_digits(const ColumnType& type) {
    constexpr int datetime_digits = 3;
    return type.type == SqlType::datetime ? datetime_digits : type.scale;
}

std::string to_timestamp(const std::string& text, const ColumnType& type) {
    const std::string_view trimmed = without_end_blanks(text);
    // Times of day and offsets are handed through as they are: no view has them.
    if (type.type == SqlType::time || type.type == SqlType::datetimeoffset) return std::string(trimmed);
    const auto ticks = parse_timestamp(trimmed);
    if (!ticks) throw SqlError(241, 16, "Conversion failed when converting date and/or time from character string.");
    constexpr std::size_t date_length = 10;
    const std::string formatted = format_timestamp(*ticks, second_digits(type));
    return type.type == SqlType::date ? formatted.substr(0, date_length) : formatted;
}

// Cuts at a whole number of characters; the length counts characters, the text is UTF-8.
std::string fit(std::string text, const ColumnType& type) {
    if (type.type == SqlType::nvarchar_max || type.length <= 0) return text;
    const bool padded = type.type == SqlType::nchar || type.type == SqlType::character;
    if (!padded && text.size() <= static_cast<std::size_t>(type.length)) return text;
    std::size_t size = 0;
    int characters = 0;
    for (; size < text.size(); ++size) {
        const bool starts = (static_cast<unsigned char>(text[size]) & 0xC0U) != 0x80U;
        if (starts && characters++ == type.length) break;
    }
    text.resize(size);
    if (padded && characters < type.length) text.append(static_cast<std::size_t>(type.length - characters), ' ');
    return text;
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

int compare_texts(std::string_view a, std::string_view b) {
    a = without_end_blanks(a);
    b = without_end_blanks(b);
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        const auto x = static_cast<unsigned char>(lower(a[i]));
        const auto y = static_cast<unsigned char>(lower(b[i]));
        if (x != y) return x < y ? -1 : 1;
    }
    return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

template <typename Number>
int compare_numbers(Number a, Number b) {
    return a < b ? -1 : a > b ? 1 : 0;
}

}  // namespace

bool is_integer(SqlType type) noexcept {
    return type == SqlType::bit || type == SqlType::tinyint || type == SqlType::smallint || type == SqlType::integer ||
           type == SqlType::bigint;
}
bool is_approximate(SqlType type) noexcept {
    return type == SqlType::real || type == SqlType::float8;
}
bool is_exact(SqlType type) noexcept {
    return type == SqlType::decimal || type == SqlType::money;
}
bool is_text(SqlType type) noexcept {
    return type == SqlType::character || type == SqlType::varchar || type == SqlType::nchar ||
           type == SqlType::nvarchar || type == SqlType::nvarchar_max;
}
bool is_time(SqlType type) noexcept {
    return type == SqlType::date || type == SqlType::time || type == SqlType::datetime || type == SqlType::datetime2 ||
           type == SqlType::datetimeoffset;
}

std::optional<ColumnType> type_from_name(std::string_view name, const std::vector<int>& arguments) {
    const auto* found = std::find_if(named_types.begin(), named_types.end(),
                                     [&](const NamedType& named) { return same_text(named.name, name); });
    if (found == named_types.end()) return std::nullopt;
    ColumnType type = found->type;
    if (arguments.empty()) return type;
    if (is_text(type.type) || type.type == SqlType::varbinary) {
        constexpr int whole_packet = 8000;
        type.length = arguments[0] < 0 ? whole_packet : arguments[0];
        if (arguments[0] < 0 && is_text(type.type)) type = {SqlType::nvarchar_max};
    } else if (type.type == SqlType::decimal) {
        type.precision = arguments[0];
        type.scale = arguments.size() > 1 ? arguments[1] : 0;
    } else if (is_time(type.type)) {
        type.scale = arguments[0];
    }
    return type;
}

std::string_view type_name(SqlType type) noexcept {
    if (type == SqlType::nvarchar_max) return "nvarchar";
    return std::find_if(named_types.begin(), named_types.end(),
                        [&](const NamedType& named) { return named.type.type == type; })
        ->name;
}

Cell convert(const Cell& value, const ColumnType& to) {
    if (is_null(value)) return {};
    if (is_integer(to.type)) return to_sized_integer(value, to.type);
    if (is_approximate(to.type)) return Cell{to_double(value)};
    if (is_exact(to.type)) return Cell{to_decimal(value, to.scale)};
    std::string text = to_text(value);
    if (is_time(to.type)) return Cell{to_timestamp(text, to)};
    if (is_text(to.type)) return Cell{fit(std::move(text), to)};
    return Cell{std::move(text)};
}

Cell convert(Cell&& value, const ColumnType& to) {
    auto* text = std::get_if<std::string>(&value);
    if (text != nullptr && is_text(to.type)) return Cell{fit(std::move(*text), to)};
    return convert(std::as_const(value), to);
}

double to_double(const Cell& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? 1 : 0;
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
    if (const auto* number = std::get_if<double>(&value)) return *number;
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr) return 0;
    const std::string_view trimmed = without_end_blanks(*text);
    double parsed = 0;
    const auto [end, error] = std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), parsed);
    if (error != std::errc() || end != trimmed.data() + trimmed.size()) refuse_conversion(*text, SqlType::integer);
    return parsed;
}

std::string to_text(const Cell& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "1" : "0";
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
    if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
    const auto* text = std::get_if<std::string>(&value);
    return text != nullptr ? *text : "";
}

std::string_view to_text(const Cell& value, std::string& room) {
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    return room = to_text(value);
}

bool is_null(const Cell& value) noexcept {
    return std::holds_alternative<std::monostate>(value);
}

int compare(const Cell& a, const Cell& b, bool as_numbers) {
    const auto* left = std::get_if<std::int64_t>(&a);
    const auto* right = std::get_if<std::int64_t>(&b);
    if (left != nullptr && right != nullptr) return compare_numbers(*left, *right);
    if (as_numbers) return compare_numbers(to_double(a), to_double(b));
    std::string room_of_a;
    std::string room_of_b;
    return compare_texts(to_text(a, room_of_a), to_text(b, room_of_b));
}

}  // namespace tds_server
