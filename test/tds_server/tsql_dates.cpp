#include "tds_server/tsql_dates.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/timestamps.h"
#include "tds_server/tsql_lexer.h"

namespace tds_server {

namespace {

constexpr std::int64_t ticks_per_second = 1000 * ticks_per_ms;
constexpr std::int64_t ticks_per_day = 86'400 * ticks_per_second;

struct Unit {
    std::string_view name;
    std::string_view abbreviation;
    std::string_view other;
    std::int64_t ticks;  // 0: counted in months
    int months;
};
constexpr std::array<Unit, 12> units{{{"microsecond", "mcs", "", 10, 0},
                                      {"millisecond", "ms", "", ticks_per_ms, 0},
                                      {"second", "s", "ss", ticks_per_second, 0},
                                      {"minute", "mi", "n", 60 * ticks_per_second, 0},
                                      {"hour", "hh", "", 3600 * ticks_per_second, 0},
                                      {"day", "dd", "d", ticks_per_day, 0},
                                      {"dayofyear", "dy", "y", ticks_per_day, 0},
                                      {"weekday", "dw", "w", ticks_per_day, 0},
                                      {"week", "wk", "ww", 7 * ticks_per_day, 0},
                                      {"month", "mm", "m", 0, 1},
                                      {"quarter", "qq", "q", 0, 3},
                                      {"year", "yy", "yyyy", 0, 12}}};

const Unit& unit_of(const Cell& value, std::string_view function) {
    const std::string name = to_text(value);
    const auto* found = std::find_if(units.begin(), units.end(), [&](const Unit& unit) {
        return same_text(unit.name, name) || same_text(unit.abbreviation, name) || same_text(unit.other, name);
    });
    if (found == units.end())
        throw SqlError(155, 15, fmt::format("'{}' is not a recognized {} option.", name, function));
    return *found;
}

std::int64_t floor_division(std::int64_t a, std::int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

struct Calendar {
    std::chrono::year_month_day date;
    std::int64_t ticks_of_day;
};

Calendar calendar_of(std::int64_t ticks) {
    const std::int64_t days = floor_division(ticks, ticks_per_day);
    return {std::chrono::sys_days(std::chrono::days(days)), ticks - days * ticks_per_day};
}

std::int64_t months_of(std::int64_t ticks) {
    const Calendar calendar = calendar_of(ticks);
    return static_cast<int>(calendar.date.year()) * std::int64_t{12} + static_cast<unsigned>(calendar.date.month()) - 1;
}

// How many of the unit's boundaries lie between.
std::int64_t boundaries(const std::vector<Cell>& values) {
    const Unit& unit = unit_of(values[0], "datediff");
    const std::int64_t from = ticks_of(values[1]);
    const std::int64_t to = ticks_of(values[2]);
    if (unit.ticks == 0)
        return floor_division(months_of(to), unit.months) - floor_division(months_of(from), unit.months);
    // Weeks begin on Sunday; 1970 began on a Thursday.
    const std::int64_t shift = unit.name == "week" ? 4 * ticks_per_day : 0;
    return floor_division(to + shift, unit.ticks) - floor_division(from + shift, unit.ticks);
}

std::int64_t months_later(std::int64_t ticks, std::int64_t months) {
    const Calendar calendar = calendar_of(ticks);
    std::chrono::year_month_day date = calendar.date + std::chrono::months(months);
    if (!date.ok()) date = date.year() / date.month() / std::chrono::last;
    return std::chrono::sys_days(date).time_since_epoch().count() * ticks_per_day + calendar.ticks_of_day;
}

}  // namespace

std::int64_t ticks_of(const Cell& value) {
    // A number is a count of days since 1900.
    constexpr std::int64_t days_to_1970 = 25'567;
    if (const auto* days = std::get_if<std::int64_t>(&value)) return (*days - days_to_1970) * ticks_per_day;
    const auto ticks = parse_timestamp(to_text(value));
    if (!ticks) throw SqlError(241, 16, "Conversion failed when converting date and/or time from character string.");
    return *ticks;
}

Cell date_difference(const std::vector<Cell>& values) {
    const std::int64_t difference = boundaries(values);
    if (difference > std::numeric_limits<std::int32_t>::max() || difference < std::numeric_limits<std::int32_t>::min())
        throw SqlError(
            535, 16,
            "The datediff function resulted in an overflow. The number of dateparts separating two date/time "
            "instances is too large. Try to use datediff with a less precise datepart.");
    return Cell{difference};
}

Cell big_date_difference(const std::vector<Cell>& values) {
    return Cell{boundaries(values)};
}

Cell date_sum(const std::vector<Cell>& values) {
    const Unit& unit = unit_of(values[0], "dateadd");
    const auto amount = static_cast<std::int64_t>(to_double(values[1]));
    const std::int64_t ticks = ticks_of(values[2]);
    constexpr int finest = 7;
    return Cell{format_timestamp(
        unit.ticks == 0 ? months_later(ticks, amount * unit.months) : ticks + amount * unit.ticks, finest)};
}

Cell date_part(const std::vector<Cell>& values) {
    const Unit& unit = unit_of(values[0], "datepart");
    const std::int64_t ticks = ticks_of(values[1]);
    const Calendar calendar = calendar_of(ticks);
    const auto month = static_cast<unsigned>(calendar.date.month());
    const std::chrono::sys_days day(calendar.date);
    if (unit.name == "year") return Cell{std::int64_t{static_cast<int>(calendar.date.year())}};
    if (unit.name == "quarter") return Cell{std::int64_t{(month - 1) / 3 + 1}};
    if (unit.name == "month") return Cell{std::int64_t{month}};
    if (unit.name == "day") return Cell{std::int64_t{static_cast<unsigned>(calendar.date.day())}};
    if (unit.name == "weekday") return Cell{std::int64_t{std::chrono::weekday(day).c_encoding() + 1}};
    const auto day_of_year = (day - std::chrono::sys_days(calendar.date.year() / 1 / 1)).count() + 1;
    if (unit.name == "dayofyear") return Cell{std::int64_t{day_of_year}};
    if (unit.name == "week") {
        const auto first = std::chrono::weekday(std::chrono::sys_days(calendar.date.year() / 1 / 1)).c_encoding();
        return Cell{std::int64_t{(day_of_year - 1 + first) / 7 + 1}};
    }
    const std::int64_t whole = unit.name == "hour"             ? 24
                               : unit.ticks < ticks_per_second ? ticks_per_second / unit.ticks
                                                               : 60;
    return Cell{calendar.ticks_of_day / unit.ticks % whole};
}

}  // namespace tds_server
