#include "tds_server/tsql_operators.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/timestamps.h"
#include "tds_server/tsql_dates.h"

namespace tds_server {

namespace {

// One of the signs in [abc], [a-z] or [^abc]; what follows the bracket is left in rest.
bool in_set(char sign, std::string_view& rest) {
    const std::size_t end = rest.find(']');
    std::string_view set = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const bool negated = !set.empty() && set.front() == '^';
    if (negated) set.remove_prefix(1);
    bool found = false;
    for (std::size_t i = 0; i < set.size(); ++i) {
        if (i + 2 < set.size() && set[i + 1] == '-') {
            found = found || (sign >= set[i] && sign <= set[i + 2]);
            i += 2;
        } else {
            found = found || sign == set[i];
        }
    }
    return found != negated;
}

}  // namespace

bool is_like(std::string_view text, std::string_view pattern) {
    if (pattern.empty()) return text.empty();
    if (pattern.front() == '%') {
        pattern.remove_prefix(1);
        if (pattern.empty()) return true;
        const bool plain = std::string_view("%[_").find(pattern.front()) == std::string_view::npos;
        // What follows is where its first sign is.
        const auto next = [&](std::size_t from) { return plain ? text.find(pattern.front(), from) : from; };
        for (std::size_t skip = next(0); skip <= text.size(); skip = next(skip + 1)) {
            if (is_like(text.substr(skip), pattern)) return true;
        }
        return false;
    }
    if (text.empty()) return false;
    if (pattern.front() == '[') {
        std::string_view rest = pattern.substr(1);
        return in_set(text.front(), rest) && is_like(text.substr(1), rest);
    }
    const bool same = pattern.front() == '_' || text.front() == pattern.front();
    return same && is_like(text.substr(1), pattern.substr(1));
}

ColumnType arithmetic_type(Operator op, const ColumnType& left, const ColumnType& right) {
    if (op == Operator::add && is_text(left.type) && is_text(right.type)) {
        constexpr int longest = 4000;
        return {SqlType::nvarchar, std::min(longest, left.length + right.length)};
    }
    if (is_integer(left.type) && is_integer(right.type)) return {std::max({left.type, right.type, SqlType::integer})};
    // A date and a number of days.
    if (is_time(left.type)) return left;
    if (is_time(right.type)) return right;
    // Exact decimals are beyond what monitoring queries compute.
    return {SqlType::float8};
}

Cell compute_integers(Operator op, std::int64_t left, std::int64_t right) {
    std::int64_t result = 0;
    bool overflow = false;
    if (op == Operator::add) overflow = __builtin_add_overflow(left, right, &result);
    if (op == Operator::subtract) overflow = __builtin_sub_overflow(left, right, &result);
    if (op == Operator::multiply) overflow = __builtin_mul_overflow(left, right, &result);
    if (overflow) throw SqlError(8115, 16, "Arithmetic overflow error converting expression to data type bigint.");
    if (op == Operator::add || op == Operator::subtract || op == Operator::multiply) return Cell{result};
    if (op == Operator::bit_and) return Cell{left & right};
    if (op == Operator::bit_or) return Cell{left | right};
    if (op == Operator::bit_xor) return Cell{left ^ right};
    if (right == 0) throw SqlError(8134, 16, "Divide by zero error encountered.");
    if (right == -1) return Cell{op == Operator::modulo ? std::int64_t{0} : -left};
    return Cell{op == Operator::divide ? left / right : left % right};
}

Cell compute_numbers(Operator op, double left, double right) {
    switch (op) {
        case Operator::add:
            return Cell{left + right};
        case Operator::subtract:
            return Cell{left - right};
        case Operator::multiply:
            return Cell{left * right};
        default:
            break;
    }
    if (right == 0) throw SqlError(8134, 16, "Divide by zero error encountered.");
    return Cell{op == Operator::divide ? left / right : std::fmod(left, right)};
}

Cell add_days(Operator op, const Cell& a, const Cell& b, const ColumnType& type) {
    constexpr double ticks_per_day = 864e9;
    const auto* text = std::get_if<std::string>(&a);
    const Cell& date = text != nullptr ? a : b;
    const auto ticks = static_cast<std::int64_t>(to_double(text != nullptr ? b : a) * ticks_per_day);
    constexpr int finest = 7;
    return convert(Cell{format_timestamp(ticks_of(date) + (op == Operator::subtract ? -ticks : ticks), finest)}, type);
}

}  // namespace tds_server
