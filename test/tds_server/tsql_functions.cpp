#include "tds_server/tsql_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/timestamps.h"
#include "tds_server/tsql_lexer.h"

namespace tds_server {

namespace {

using Arguments = std::vector<BoundExpression>;
using Values = std::vector<Cell>;

constexpr ColumnType name_type{SqlType::nvarchar, 128};
constexpr ColumnType int_type{SqlType::integer};
constexpr ColumnType finest_time{SqlType::datetime2, 0, 0, 7};
constexpr int longest_text = 4000;

// A function whose value depends on its arguments alone, NULL if one of them is.
using Pure = Cell (*)(const Values&);
using ResultType = ColumnType (*)(const Arguments&);

ColumnType type_of_first(const Arguments& arguments) {
    ColumnType type = arguments.front().type;
    if (type.type == SqlType::nchar) type.type = SqlType::nvarchar;
    if (type.type == SqlType::character) type.type = SqlType::varchar;
    type.nullable = true;
    return type;
}
ColumnType long_text(const Arguments&) {
    return {SqlType::nvarchar, longest_text};
}
ColumnType plain_int(const Arguments&) {
    return int_type;
}

std::string trim(std::string text, bool left, bool right) {
    if (right) text.erase(text.find_last_not_of(' ') + 1);
    if (left) text.erase(0, text.find_first_not_of(' '));
    return text;
}
template <int (*change)(int)>
Cell change_case(const Values& values) {
    std::string text = to_text(values[0]);
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return c < 0x80 ? static_cast<char>(change(c)) : static_cast<char>(c); });
    return Cell{text};
}
std::size_t to_count(const Cell& value) {
    return static_cast<std::size_t>(std::max(0.0, to_double(value)));
}
Cell substring(const Values& values) {
    const std::string text = to_text(values[0]);
    const std::size_t start = to_count(values[1]);
    if (start < 1 || start > text.size()) return Cell{std::string()};
    return Cell{text.substr(start - 1, to_count(values[2]))};
}
Cell left_part(const Values& values) {
    return Cell{to_text(values[0]).substr(0, to_count(values[1]))};
}
Cell right_part(const Values& values) {
    const std::string text = to_text(values[0]);
    return Cell{text.substr(text.size() - std::min(text.size(), to_count(values[1])))};
}
Cell replace_all(const Values& values) {
    std::string text = to_text(values[0]);
    const std::string from = to_text(values[1]);
    const std::string to = to_text(values[2]);
    if (from.empty()) return Cell{text};
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return Cell{text};
}
Cell position(const Values& values) {
    const std::size_t at = to_text(values[1]).find(to_text(values[0]));
    return Cell{at == std::string::npos ? std::int64_t{0} : static_cast<std::int64_t>(at) + 1};
}
Cell length(const Values& values) {
    const std::string text = trim(to_text(values[0]), false, true);
    return Cell{static_cast<std::int64_t>(
        std::count_if(text.begin(), text.end(), [](unsigned char c) { return (c & 0xC0U) != 0x80U; }))};
}
Cell absolute(const Values& values) {
    if (const auto* integer = std::get_if<std::int64_t>(&values[0])) return Cell{std::abs(*integer)};
    return Cell{std::abs(to_double(values[0]))};
}

std::int64_t ticks_of(const Cell& value) {
    const auto ticks = parse_timestamp(to_text(value));
    if (!ticks) throw SqlError(241, 16, "Conversion failed when converting date and/or time from character string.");
    return *ticks;
}

// DATEDIFF counts the boundaries that lie between.
Cell date_difference(const Values& values) {
    struct Unit {
        std::string_view name;
        std::int64_t ticks;
    };
    static constexpr std::int64_t second = 1000 * ticks_per_ms;
    static constexpr std::array<Unit, 11> units{{{"ms", ticks_per_ms},
                                                 {"millisecond", ticks_per_ms},
                                                 {"s", second},
                                                 {"ss", second},
                                                 {"second", second},
                                                 {"mi", 60 * second},
                                                 {"minute", 60 * second},
                                                 {"hh", 3600 * second},
                                                 {"hour", 3600 * second},
                                                 {"dd", 86400 * second},
                                                 {"day", 86400 * second}}};
    const std::string name = to_text(values[0]);
    const auto* unit =
        std::find_if(units.begin(), units.end(), [&](const Unit& known) { return same_text(known.name, name); });
    if (unit == units.end()) throw SqlError(155, 15, fmt::format("'{}' is not a recognized datediff option.", name));
    return Cell{ticks_of(values[2]) / unit->ticks - ticks_of(values[1]) / unit->ticks};
}

struct PureFunction {
    std::string_view name;
    std::size_t arguments;
    ResultType type;
    Pure value;
};

constexpr std::array<PureFunction, 15> pure_functions{{
    {"RTRIM", 1, type_of_first, [](const Values& v) { return Cell{trim(to_text(v[0]), false, true)}; }},
    {"LTRIM", 1, type_of_first, [](const Values& v) { return Cell{trim(to_text(v[0]), true, false)}; }},
    {"TRIM", 1, type_of_first, [](const Values& v) { return Cell{trim(to_text(v[0]), true, true)}; }},
    {"UPPER", 1, type_of_first, change_case<std::toupper>},
    {"LOWER", 1, type_of_first, change_case<std::tolower>},
    {"SUBSTRING", 3, type_of_first, substring},
    {"LEFT", 2, type_of_first, left_part},
    {"RIGHT", 2, type_of_first, right_part},
    {"REPLACE", 3, long_text, replace_all},
    {"CHARINDEX", 2, plain_int, position},
    {"LEN", 1, plain_int, length},
    {"ABS", 1, type_of_first, absolute},
    {"DATEDIFF", 3, plain_int, date_difference},
    {"IS_SRVROLEMEMBER", 1, plain_int, [](const Values&) { return Cell{std::int64_t{0}}; }},
    {"SQUARE", 1, [](const Arguments&) { return ColumnType{SqlType::float8}; },
     [](const Values& v) { return Cell{to_double(v[0]) * to_double(v[0])}; }},
}};

BoundExpression bind_pure(const PureFunction& function, Arguments arguments) {
    ColumnType type = function.type(arguments);
    return {type, [&function, arguments = std::move(arguments)](const Frame& frame) {
                Values values;
                for (const BoundExpression& argument : arguments) {
                    values.push_back(argument.value(frame));
                    if (is_null(values.back())) return Cell{};
                }
                return function.value(values);
            }};
}

BoundExpression constant(ColumnType type, Cell value) {
    return {type, [value = std::move(value)](const Frame&) { return value; }};
}
BoundExpression text_constant(const std::string& text) {
    return constant(name_type, Cell{text});
}

BoundExpression first_not_null(Arguments arguments) {
    ColumnType type = arguments.front().type;
    return {type, [type, arguments = std::move(arguments)](const Frame& frame) {
                for (const BoundExpression& argument : arguments) {
                    Cell value = argument.value(frame);
                    if (!is_null(value)) return convert(value, type);
                }
                return Cell{};
            }};
}

BoundExpression null_if(Arguments arguments) {
    ColumnType type = arguments.front().type;
    const bool numbers = is_number(type.type);
    type.nullable = true;
    return {type, [numbers, arguments = std::move(arguments)](const Frame& frame) {
                const Cell value = arguments[0].value(frame);
                const Cell other = arguments[1].value(frame);
                const bool same = !is_null(value) && !is_null(other) && compare(value, other, numbers) == 0;
                return same ? Cell{} : value;
            }};
}

BoundExpression choose(Arguments arguments) {
    ColumnType type = arguments[1].type;
    return {type, [type, arguments = std::move(arguments)](const Frame& frame) {
                const Cell condition = arguments[0].value(frame);
                const bool holds = condition == Cell{true};
                return convert(arguments[holds ? 1 : 2].value(frame), type);
            }};
}

BoundExpression concatenate(Arguments arguments) {
    return {{SqlType::nvarchar, longest_text}, [arguments = std::move(arguments)](const Frame& frame) {
                std::string text;
                for (const BoundExpression& argument : arguments)
                    text += to_text(argument.value(frame));
                return Cell{text};
            }};
}

BoundExpression server_property(const Arguments& arguments, const ServerView& server) {
    const std::string name = to_text(arguments.front().value({}));
    const auto property = server.property(name);
    return property ? constant(property->type, property->value) : constant(name_type, {});
}

BoundExpression has_permission(const Arguments& arguments, const ServerView& server) {
    const auto may = server.may(to_text(arguments[2].value({})));
    return constant(int_type, may ? Cell{std::int64_t{*may ? 1 : 0}} : Cell{});
}

// The name of a database by its number, or the other way round.
BoundExpression look_up_database(BoundExpression key, const ServerView& server, std::string_view from,
                                 std::string_view to, ColumnType type) {
    constexpr std::string_view table = "sys.databases";
    const auto* columns = server.columns(table);
    const auto index = [&](std::string_view name) {
        return static_cast<std::size_t>(
            std::find_if(columns->begin(), columns->end(), [&](const Column& column) { return column.name == name; }) -
            columns->begin());
    };
    return {type,
            [key = std::move(key), rows = server.rows(table), from = index(from), to = index(to)](const Frame& frame) {
                const Cell wanted = key.value(frame);
                if (is_null(wanted)) return Cell{};
                const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& known) {
                    return compare(known[from], wanted, false) == 0;
                });
                return row != rows.end() ? (*row)[to] : Cell{};
            }};
}

BoundExpression bind_database_function(bool by_name, Arguments arguments, const ServerView& server) {
    if (by_name) {
        BoundExpression name =
            arguments.empty() ? text_constant(server.client().database) : std::move(arguments.front());
        return look_up_database(std::move(name), server, "name", "database_id", {SqlType::smallint});
    }
    if (arguments.empty()) return text_constant(server.client().database);
    return look_up_database(std::move(arguments.front()), server, "database_id", "name", name_type);
}

BoundExpression now(ColumnType type, std::int64_t ticks) {
    constexpr int datetime_digits = 3;
    return constant(type, Cell{format_timestamp(ticks, type.type == SqlType::datetime ? datetime_digits : type.scale)});
}

// Functions of the moment and of the session.
std::optional<BoundExpression> bind_session_function(std::string_view name, const ServerView& server) {
    const auto is = [&](std::string_view known) { return same_text(known, name); };
    if (is("SYSUTCDATETIME")) return now(finest_time, server.utc_ticks());
    if (is("SYSDATETIME")) return now(finest_time, server.local_ticks());
    if (is("GETUTCDATE")) return now({SqlType::datetime}, server.utc_ticks());
    if (is("GETDATE") || is("CURRENT_TIMESTAMP")) return now({SqlType::datetime}, server.local_ticks());
    if (is("SUSER_SNAME") || is("SUSER_NAME") || is("ORIGINAL_LOGIN") || is("USER_NAME"))
        return text_constant(server.client().login);
    if (is("HOST_NAME")) return text_constant(server.client().host_name);
    if (is("APP_NAME")) return text_constant(server.client().app_name);
    return std::nullopt;
}

void check_count(std::string_view name, const Arguments& arguments, std::size_t least, std::size_t most) {
    if (arguments.size() < least || arguments.size() > most)
        throw SqlError(174, 15, fmt::format("The {} function requires {} argument(s).", name, least));
}

Cell aggregate(std::string_view name, const BoundExpression& argument, const Frame& frame) {
    const bool numbers = is_number(argument.type.type);
    Cell best;
    double sum = 0;
    std::int64_t exact_sum = 0;
    std::int64_t count = 0;
    for (const Tuple& tuple : *frame.group) {
        Cell value = argument.value({&tuple, nullptr});
        if (is_null(value)) continue;
        ++count;
        if (same_text(name, "MIN") || same_text(name, "MAX")) {
            const int order = is_null(best) ? 0 : compare(value, best, numbers);
            if (is_null(best) || (same_text(name, "MIN") ? order < 0 : order > 0)) best = std::move(value);
        } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
            exact_sum += *integer;
        } else if (!same_text(name, "COUNT")) {
            sum += to_double(value);
        }
    }
    if (same_text(name, "COUNT")) return Cell{count};
    if (count == 0 || !is_null(best)) return best;
    const bool exact = is_integer(argument.type.type);
    const bool average = same_text(name, "AVG");
    if (exact) return Cell{average ? exact_sum / count : exact_sum};
    return Cell{average ? sum / static_cast<double>(count) : sum};
}

}  // namespace

BoundExpression bind_function(std::string_view name, std::vector<BoundExpression> arguments, const ServerView& server) {
    const auto* pure = std::find_if(pure_functions.begin(), pure_functions.end(),
                                    [&](const PureFunction& known) { return same_text(known.name, name); });
    if (pure != pure_functions.end()) {
        check_count(name, arguments, pure->arguments, pure->arguments);
        return bind_pure(*pure, std::move(arguments));
    }
    if (auto bound = bind_session_function(name, server)) return std::move(*bound);
    const auto is = [&](std::string_view known) { return same_text(known, name); };
    constexpr std::size_t many = 254;
    if (is("SERVERPROPERTY")) {
        check_count(name, arguments, 1, 1);
        return server_property(arguments, server);
    }
    if (is("HAS_PERMS_BY_NAME")) {
        check_count(name, arguments, 3, 5);
        return has_permission(arguments, server);
    }
    if (is("ISNULL") || is("COALESCE")) {
        check_count(name, arguments, 2, many);
        return first_not_null(std::move(arguments));
    }
    if (is("NULLIF")) {
        check_count(name, arguments, 2, 2);
        return null_if(std::move(arguments));
    }
    if (is("IIF")) {
        check_count(name, arguments, 3, 3);
        return choose(std::move(arguments));
    }
    if (is("CONCAT")) {
        check_count(name, arguments, 2, many);
        return concatenate(std::move(arguments));
    }
    if (is("DB_NAME") || is("DB_ID")) {
        check_count(name, arguments, 0, 1);
        return bind_database_function(is("DB_ID"), std::move(arguments), server);
    }
    throw SqlError(195, 15, fmt::format("'{}' is not a recognized built-in function name.", name));
}

BoundExpression bind_variable(std::string_view name, const ServerView& server) {
    const auto is = [&](std::string_view known) { return same_text(known, name); };
    const auto property = [&](std::string_view key) {
        const auto found = server.property(key);
        return found ? to_text(found->value) : std::string();
    };
    if (is("@@SPID")) return constant({SqlType::smallint}, Cell{std::int64_t{server.client().spid}});
    if (is("@@VERSION"))
        return constant({SqlType::nvarchar, 300}, Cell{fmt::format("Microsoft SQL Server (simulated) - {} (X64) {}",
                                                                   property("ProductVersion"), property("Edition"))});
    if (is("@@SERVERNAME")) return text_constant(property("ServerName"));
    if (is("@@TRANCOUNT") || is("@@ERROR") || is("@@ROWCOUNT") || is("@@NESTLEVEL"))
        return constant(int_type, Cell{std::int64_t{0}});
    if (is("@@LANGUAGE")) return text_constant("us_english");
    if (is("@@MAX_PRECISION")) return constant({SqlType::tinyint}, Cell{std::int64_t{38}});
    throw SqlError(137, 15, fmt::format("Must declare the scalar variable \"{}\".", name));
}

bool is_aggregate(std::string_view name) noexcept {
    static constexpr std::array<std::string_view, 6> names{"SUM", "COUNT", "MIN", "MAX", "AVG", "COUNT_BIG"};
    return std::any_of(names.begin(), names.end(), [&](std::string_view known) { return same_text(known, name); });
}

BoundExpression bind_aggregate(std::string_view name, std::vector<BoundExpression> arguments) {
    const bool wide_count = same_text(name, "COUNT_BIG");
    const bool counts = wide_count || same_text(name, "COUNT");
    if (arguments.empty() && counts)
        return {wide_count ? ColumnType{SqlType::bigint} : int_type,
                [](const Frame& frame) { return Cell{static_cast<std::int64_t>(frame.group->size())}; }, true};
    check_count(name, arguments, 1, 1);
    ColumnType type = arguments.front().type;
    if (counts) type = {wide_count ? SqlType::bigint : SqlType::integer};
    if (same_text(name, "SUM") && is_integer(type.type) && type.type != SqlType::bigint) type = int_type;
    type.nullable = true;
    const std::string known(counts ? "COUNT" : name);
    return {type,
            [known, argument = std::move(arguments.front())](const Frame& frame) {
                return aggregate(known, argument, frame);
            },
            true};
}

}  // namespace tds_server
