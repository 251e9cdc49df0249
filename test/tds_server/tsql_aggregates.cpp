#include "tds_server/tsql_aggregates.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/tsql_binder.h"
#include "tds_server/tsql_lexer.h"

namespace tds_server {

namespace {

ColumnType result_type(std::string_view name, ColumnType type) {
    if (same_text(name, "COUNT_BIG")) return {SqlType::bigint, 0, 0, 0, false};
    if (same_text(name, "COUNT")) return {SqlType::integer, 0, 0, 0, false};
    const bool adds = same_text(name, "SUM") || same_text(name, "AVG");
    if (adds && is_integer(type.type) && type.type != SqlType::bigint) type = {SqlType::integer};
    if (adds && is_exact(type.type)) type.precision = 38;
    type.nullable = true;
    return type;
}

void refuse_type(std::string_view name, SqlType type) {
    throw SqlError(8117, 16, fmt::format("Operand data type {} is invalid for {} operator.", type_name(type), name));
}

void check_type(std::string_view name, SqlType type) {
    const bool adds = same_text(name, "SUM") || same_text(name, "AVG");
    if ((adds && (!is_number(type) || type == SqlType::bit)) ||
        (type == SqlType::bit && (same_text(name, "MIN") || same_text(name, "MAX"))))
        refuse_type(name, type);
}

Cell extreme(std::string_view name, const ColumnType& type, const std::vector<Cell>& values,
             const Collation& collation) {
    const bool least = same_text(name, "MIN");
    Cell best;
    for (const Cell& value : values) {
        const int order = is_null(best) ? 0 : compare_bound(value, best, type, collation);
        if (is_null(best) || (least ? order < 0 : order > 0)) best = value;
    }
    return best;
}

Cell total(std::string_view name, const ColumnType& type, const std::vector<Cell>& values) {
    if (values.empty()) return {};
    const bool average = same_text(name, "AVG");
    const auto count = static_cast<std::int64_t>(values.size());
    if (is_integer(type.type)) {
        std::int64_t sum = 0;
        for (const Cell& value : values) {
            if (__builtin_add_overflow(sum, std::get<std::int64_t>(convert(value, {SqlType::bigint})), &sum))
                throw SqlError(8115, 16, "Arithmetic overflow error converting expression to data type bigint.");
        }
        return convert(Cell{average ? sum / count : sum}, result_type(name, type));
    }
    double sum = 0;
    for (const Cell& value : values)
        sum += to_double(value);
    return convert(Cell{average ? sum / static_cast<double>(count) : sum}, result_type(name, type));
}

}  // namespace

bool is_aggregate(std::string_view name) noexcept {
    static constexpr std::array<std::string_view, 6> names{"SUM", "COUNT", "MIN", "MAX", "AVG", "COUNT_BIG"};
    return std::any_of(names.begin(), names.end(), [&](std::string_view known) { return same_text(known, name); });
}

bool is_ranking(std::string_view name) noexcept {
    static constexpr std::array<std::string_view, 3> names{"ROW_NUMBER", "RANK", "DENSE_RANK"};
    return std::any_of(names.begin(), names.end(), [&](std::string_view known) { return same_text(known, name); });
}

Cell aggregate_values(std::string_view name, const ColumnType& type, const std::vector<Cell>& values, bool distinct,
                      const Collation& collation) {
    std::vector<Cell> counted;
    std::set<std::string> seen;
    for (const Cell& value : values) {
        if (is_null(value)) continue;
        if (distinct && !seen.insert(collation_key(to_text(value), collation)).second) continue;
        counted.push_back(value);
    }
    if (same_text(name, "COUNT") || same_text(name, "COUNT_BIG"))
        return Cell{static_cast<std::int64_t>(counted.size())};
    if (same_text(name, "MIN") || same_text(name, "MAX")) return extreme(name, type, counted, collation);
    return total(name, type, counted);
}

BoundExpression bind_aggregate(std::string_view name, bool distinct, std::vector<BoundExpression> arguments,
                               const Collation& collation) {
    const bool counts = same_text(name, "COUNT") || same_text(name, "COUNT_BIG");
    if (arguments.empty() && counts)
        return {result_type(name, {}),
                [](const Frame& frame) { return Cell{static_cast<std::int64_t>(frame.group->size())}; }, true};
    if (arguments.size() != 1) throw SqlError(174, 15, fmt::format("The {} function requires 1 argument(s).", name));
    const ColumnType type = arguments.front().type;
    check_type(name, type.type);
    return {result_type(name, type),
            [known = std::string(name), type, distinct, collation,
             argument = std::move(arguments.front())](const Frame& frame) {
                std::vector<Cell> values;
                values.reserve(frame.group->size());
                Frame member = frame;
                member.group = nullptr;
                for (const Tuple& tuple : *frame.group) {
                    member.tuple = &tuple;
                    values.push_back(argument.value(member));
                }
                return aggregate_values(known, type, values, distinct, collation);
            },
            true};
}

}  // namespace tds_server
