#include "tds_server/tsql_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "tds_server/collation.h"
#include "tds_server/relation.h"
#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/timestamps.h"
#include "tds_server/tsql_binder.h"
#include "tds_server/tsql_dates.h"
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

std::string trim(const Cell& value, bool left, bool right) {
    std::string room;
    std::string_view text = to_text(value, room);
    if (right) text = without_end_blanks(text);
    if (left) text.remove_prefix(std::min(text.size(), text.find_first_not_of(' ')));
    return std::string(text);
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
    std::string room;
    const std::string_view text = to_text(values[0], room);
    const std::size_t start = to_count(values[1]);
    if (start < 1 || start > text.size()) return Cell{std::string()};
    return Cell{std::string(text.substr(start - 1, to_count(values[2])))};
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
    std::string room_of_text;
    std::string room_of_part;
    const std::size_t at = to_text(values[1], room_of_text).find(to_text(values[0], room_of_part));
    return Cell{at == std::string::npos ? std::int64_t{0} : static_cast<std::int64_t>(at) + 1};
}
Cell length(const Values& values) {
    const std::string text = trim(values[0], false, true);
    return Cell{static_cast<std::int64_t>(
        std::count_if(text.begin(), text.end(), [](unsigned char c) { return (c & 0xC0U) != 0x80U; }))};
}
Cell absolute(const Values& values) {
    if (const auto* integer = std::get_if<std::int64_t>(&values[0])) return Cell{std::abs(*integer)};
    return Cell{std::abs(to_double(values[0]))};
}

Cell stuff(const Values& values) {
    std::string text = to_text(values[0]);
    const std::size_t start = to_count(values[1]);
    if (start < 1 || start > text.size()) return {};
    return Cell{text.replace(start - 1, to_count(values[2]), to_text(values[3]))};
}
Cell replicate(const Values& values) {
    std::string text;
    const std::string piece = to_text(values[0]);
    for (std::size_t i = 0; i < to_count(values[1]) && text.size() < longest_text; ++i)
        text += piece;
    return Cell{text};
}
Cell quote_name(const Values& values) {
    const std::string text = to_text(values[0]);
    std::string quoted = "[";
    for (const char c : text)
        quoted += c == ']' ? "]]" : std::string(1, c);
    return Cell{quoted + "]"};
}
Cell data_length(const Values& values) {
    return Cell{static_cast<std::int64_t>(to_text(values[0]).size())};
}
Cell is_numeric(const Values& values) {
    try {
        to_double(values[0]);
        return Cell{std::int64_t{1}};
    } catch (const SqlError&) {
        return Cell{std::int64_t{0}};
    }
}
template <double (*change)(double)>
Cell change_number(const Values& values) {
    if (std::holds_alternative<std::int64_t>(values[0])) return values[0];
    return Cell{change(to_double(values[0]))};
}
Cell round_number(const Values& values) {
    const double power = std::pow(10.0, to_double(values[1]));
    const double rounded = std::round(to_double(values[0]) * power) / power;
    if (std::holds_alternative<std::int64_t>(values[0])) return Cell{std::llround(rounded)};
    return Cell{rounded};
}
Cell sign_of(const Values& values) {
    const double number = to_double(values[0]);
    return Cell{std::int64_t{number > 0 ? 1 : number < 0 ? -1 : 0}};
}
// PARSENAME counts the parts of an object's name from the right.
Cell part_of_name(const Values& values) {
    std::string text = to_text(values[0]);
    for (std::size_t part = to_count(values[1]); part > 1; --part) {
        const std::size_t dot = text.rfind('.');
        if (dot == std::string::npos) return {};
        text.resize(dot);
    }
    return Cell{text.substr(text.rfind('.') + 1)};
}
ColumnType big_int(const Arguments&) {
    return {SqlType::bigint};
}
ColumnType approximate(const Arguments&) {
    return {SqlType::float8};
}
ColumnType type_of_date(const Arguments& arguments) {
    const ColumnType& type = arguments.back().type;
    return is_time(type.type) && type.type != SqlType::date ? type : ColumnType{SqlType::datetime};
}

struct PureFunction {
    std::string_view name;
    std::size_t arguments;
    ResultType type;
    Pure value;
};

constexpr std::array<PureFunction, 34> pure_functions{{
    {"RTRIM", 1, type_of_first, [](const Values& v) { return Cell{trim(v[0], false, true)}; }},
    {"LTRIM", 1, type_of_first, [](const Values& v) { return Cell{trim(v[0], true, false)}; }},
    {"TRIM", 1, type_of_first, [](const Values& v) { return Cell{trim(v[0], true, true)}; }},
    {"UPPER", 1, type_of_first, change_case<std::toupper>},
    {"LOWER", 1, type_of_first, change_case<std::tolower>},
    {"SUBSTRING", 3, type_of_first, substring},
    {"LEFT", 2, type_of_first, left_part},
    {"RIGHT", 2, type_of_first, right_part},
    {"REPLACE", 3, long_text, replace_all},
    {"STUFF", 4, long_text, stuff},
    {"REPLICATE", 2, long_text, replicate},
    {"QUOTENAME", 1, long_text, quote_name},
    {"PARSENAME", 2, [](const Arguments&) { return name_type; }, part_of_name},
    {"CHARINDEX", 2, plain_int, position},
    {"LEN", 1, plain_int, length},
    {"DATALENGTH", 1, plain_int, data_length},
    {"ISNUMERIC", 1, plain_int, is_numeric},
    {"ABS", 1, type_of_first, absolute},
    {"FLOOR", 1, type_of_first, change_number<std::floor>},
    {"CEILING", 1, type_of_first, change_number<std::ceil>},
    {"ROUND", 2, type_of_first, round_number},
    {"SIGN", 1, plain_int, sign_of},
    {"SQRT", 1, approximate, change_number<std::sqrt>},
    {"POWER", 2, approximate, [](const Values& v) { return Cell{std::pow(to_double(v[0]), to_double(v[1]))}; }},
    {"SQUARE", 1, approximate, [](const Values& v) { return Cell{to_double(v[0]) * to_double(v[0])}; }},
    {"DATEDIFF", 3, plain_int, date_difference},
    {"DATEDIFF_BIG", 3, big_int, big_date_difference},
    {"DATEADD", 3, type_of_date, date_sum},
    {"DATEPART", 2, plain_int, date_part},
    {"YEAR", 1, plain_int,
     [](const Values& v) {
         return date_part({Cell{"year"}, v[0]});
     }},
    {"MONTH", 1, plain_int,
     [](const Values& v) {
         return date_part({Cell{"month"}, v[0]});
     }},
    {"DAY", 1, plain_int,
     [](const Values& v) {
         return date_part({Cell{"day"}, v[0]});
     }},
    {"CERTENCODED", 1,
     [](const Arguments&) {
         return ColumnType{SqlType::varbinary, 8000};
     },
     [](const Values&) { return Cell{"0x3082010A"}; }},
    {"SPACE", 1, long_text, [](const Values& v) { return Cell{std::string(to_count(v[0]), ' ')}; }},
}};

BoundExpression bind_pure(const PureFunction& function, Arguments arguments) {
    ColumnType type = function.type(arguments);
    return {type, [&function, type, arguments = std::move(arguments)](const Frame& frame) {
                Values values;
                values.reserve(arguments.size());
                for (const BoundExpression& argument : arguments) {
                    values.push_back(argument.value(frame));
                    if (is_null(values.back())) return Cell{};
                }
                return convert(function.value(values), type);
            }};
}

BoundExpression constant(ColumnType type, const Cell& value) {
    BoundExpression bound{type, [value](const Frame&) { return value; }};
    bound.constant = value;
    return bound;
}
BoundExpression text_constant(const std::string& text) {
    return constant(name_type, Cell{text});
}

BoundExpression first_not_null(Arguments arguments) {
    ColumnType type = arguments.front().type;
    // ISNULL(NULL, x) and the like take the type of the first that has one.
    for (const BoundExpression& argument : arguments) {
        if (argument.constant && is_null(*argument.constant)) continue;
        type = argument.type;
        break;
    }
    type.nullable = std::all_of(arguments.begin(), arguments.end(),
                                [](const BoundExpression& argument) { return argument.type.nullable; });
    return {type, [type, arguments = std::move(arguments)](const Frame& frame) {
                for (const BoundExpression& argument : arguments) {
                    Cell value = argument.value(frame);
                    if (!is_null(value)) return convert(value, type);
                }
                return Cell{};
            }};
}

BoundExpression null_if(Arguments arguments, const Collation& collation) {
    ColumnType type = arguments.front().type;
    type.nullable = true;
    return {type, [type, collation, arguments = std::move(arguments)](const Frame& frame) {
                const Cell value = arguments[0].value(frame);
                const Cell other = arguments[1].value(frame);
                const bool same =
                    !is_null(value) && !is_null(other) && compare_bound(value, other, type, collation) == 0;
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

const Cell& constant_argument(const BoundExpression& argument) {
    static const Cell none;
    return argument.constant ? *argument.constant : none;
}

BoundExpression server_property(const Arguments& arguments, const ServerView& server) {
    const auto known = server.property(to_text(constant_argument(arguments.front())));
    return {known ? known->type : name_type, [argument = arguments.front()](const Frame& frame) {
                const auto property = frame.server->property(to_text(argument.value(frame)));
                return property ? property->value : Cell{};
            }};
}

BoundExpression database_property(const Arguments& arguments, const ServerView& server) {
    const auto known = server.database_property("master", to_text(constant_argument(arguments[1])));
    return {known ? known->type : name_type, [arguments](const Frame& frame) {
                const auto property = frame.server->database_property(to_text(arguments[0].value(frame)),
                                                                      to_text(arguments[1].value(frame)));
                return property ? property->value : Cell{};
            }};
}

// HAS_PERMS_BY_NAME(object or NULL, its class or NULL, permission)
BoundExpression has_permission(Arguments arguments) {
    return {int_type, [arguments = std::move(arguments)](const Frame& frame) {
                const auto may =
                    frame.server->may(to_text(arguments[2].value(frame)), to_text(arguments[0].value(frame)));
                return may ? Cell{std::int64_t{*may ? 1 : 0}} : Cell{};
            }};
}

// A value of the moment or the session.
BoundExpression of_server(ColumnType type, Cell (*value)(const ServerView&)) {
    return {type, [value](const Frame& frame) { return value(*frame.server); }};
}

// What sys.databases says in one column of the row that has the key in another.
BoundExpression look_up_database(BoundExpression key, std::string_view from, std::string_view to, ColumnType type) {
    return {type, [key = std::move(key), from, to](const Frame& frame) {
                const Cell wanted = key.value(frame);
                if (is_null(wanted)) return Cell{};
                const Relation* databases = frame.server->relation({{"sys", "databases"}}, false);
                const auto index = [&](std::string_view name) {
                    return static_cast<std::size_t>(
                        std::find_if(databases->columns.begin(), databases->columns.end(),
                                     [&](const Column& column) { return column.name == name; }) -
                        databases->columns.begin());
                };
                const RowsPtr rows = frame.server->rows(*databases, {});
                const std::size_t known = index(from);
                const auto row = std::find_if(rows->begin(), rows->end(), [&](const Row& candidate) {
                    return compare(candidate[known], wanted, false) == 0;
                });
                return row != rows->end() ? (*row)[index(to)] : Cell{};
            }};
}

BoundExpression current_database() {
    return of_server(name_type, [](const ServerView& server) { return Cell{server.client().database}; });
}

BoundExpression bind_database_function(bool by_name, Arguments arguments) {
    if (by_name) {
        BoundExpression name = arguments.empty() ? current_database() : std::move(arguments.front());
        return look_up_database(std::move(name), "name", "database_id", {SqlType::smallint});
    }
    if (arguments.empty()) return current_database();
    return look_up_database(std::move(arguments.front()), "database_id", "name", name_type);
}

BoundExpression object_number(Arguments arguments) {
    return {int_type, [arguments = std::move(arguments)](const Frame& frame) {
                const std::string kind = arguments.size() > 1 ? to_text(arguments[1].value(frame)) : "";
                const auto id = frame.server->object_id(to_text(arguments[0].value(frame)), kind);
                return id ? Cell{std::int64_t{*id}} : Cell{};
            }};
}
BoundExpression schema_number(Arguments arguments) {
    return {int_type, [arguments = std::move(arguments)](const Frame& frame) {
                const auto id = frame.server->schema_id(arguments.empty() ? "dbo" : to_text(arguments[0].value(frame)));
                return id ? Cell{std::int64_t{*id}} : Cell{};
            }};
}
// The number of a login, user, role or certificate; of either of two kinds.
BoundExpression principal_number(Arguments arguments, std::string_view kind, std::string_view other) {
    return {int_type, [arguments = std::move(arguments), kind, other](const Frame& frame) {
                const std::string name = to_text(arguments[0].value(frame));
                auto id = frame.server->principal_id(kind, name);
                if (!id) id = frame.server->principal_id(other, name);
                return id ? Cell{std::int64_t{*id}} : Cell{};
            }};
}
BoundExpression role_membership(Arguments arguments) {
    return {int_type, [arguments = std::move(arguments)](const Frame& frame) {
                return Cell{std::int64_t{frame.server->is_member(to_text(arguments[0].value(frame))) ? 1 : 0}};
            }};
}

BoundExpression database_access(Arguments arguments) {
    return {int_type, [arguments = std::move(arguments)](const Frame& frame) {
                const auto may = frame.server->may("CONNECT", to_text(arguments[0].value(frame)));
                return may ? Cell{std::int64_t{*may ? 1 : 0}} : Cell{};
            }};
}

// What the statement before, or the one that a CATCH block handles, left behind: the evaluator keeps it as variables.
BoundExpression bind_kept(ColumnType type, const char* name, Cell otherwise) {
    return {type, [name, otherwise = std::move(otherwise)](const Frame& frame) {
                const auto found = frame.variables->find(std::string_view(name));
                return found != frame.variables->end() ? found->second : otherwise;
            }};
}
BoundExpression bind_statement_variable(bool error) {
    return bind_kept(int_type, error ? "@@error" : "@@rowcount", Cell{std::int64_t{0}});
}
BoundExpression bind_error_function(bool number) {
    return number ? bind_kept(int_type, "error_number", {}) : bind_kept({SqlType::nvarchar, 4000}, "error_message", {});
}

template <int digits, bool local>
Cell now(const ServerView& server) {
    return Cell{format_timestamp(local ? server.local_ticks() : server.utc_ticks(), digits)};
}

// Functions of the moment and of the session.
std::optional<BoundExpression> bind_session_function(std::string_view name) {
    constexpr int datetime_digits = 3;
    constexpr int finest = 7;
    const auto is = [&](std::string_view known) { return same_text(known, name); };
    if (is("SYSUTCDATETIME")) return of_server(finest_time, now<finest, false>);
    if (is("SYSDATETIME")) return of_server(finest_time, now<finest, true>);
    if (is("GETUTCDATE")) return of_server({SqlType::datetime}, now<datetime_digits, false>);
    if (is("GETDATE")) return of_server({SqlType::datetime}, now<datetime_digits, true>);
    if (is("SYSDATETIMEOFFSET"))
        return of_server({SqlType::datetimeoffset, 0, 0, finest}, [](const ServerView& server) {
            constexpr std::int64_t ticks_per_minute = 60'000 * ticks_per_ms;
            const std::int64_t minutes = (server.local_ticks() - server.utc_ticks()) / ticks_per_minute;
            return Cell{fmt::format("{}{}{:02}:{:02}", format_timestamp(server.local_ticks(), finest),
                                    minutes < 0 ? '-' : '+', std::abs(minutes) / 60, std::abs(minutes) % 60)};
        });
    if (is("SUSER_SNAME") || is("SUSER_NAME") || is("ORIGINAL_LOGIN") || is("USER_NAME"))
        return of_server(name_type, [](const ServerView& server) { return Cell{server.client().login}; });
    if (is("HOST_NAME"))
        return of_server(name_type, [](const ServerView& server) { return Cell{server.client().host_name}; });
    if (is("APP_NAME") || is("PROGRAM_NAME"))
        return of_server(name_type, [](const ServerView& server) { return Cell{server.client().app_name}; });
    return std::nullopt;
}

void check_count(std::string_view name, const Arguments& arguments, std::size_t least, std::size_t most) {
    if (arguments.size() < least || arguments.size() > most)
        throw SqlError(174, 15, fmt::format("The {} function requires {} argument(s).", name, least));
}

}  // namespace

BoundExpression bind_function(std::string_view name, std::vector<BoundExpression> arguments, const ServerView& server) {
    const auto* pure = std::find_if(pure_functions.begin(), pure_functions.end(),
                                    [&](const PureFunction& known) { return same_text(known.name, name); });
    if (pure != pure_functions.end()) {
        check_count(name, arguments, pure->arguments, pure->arguments);
        return bind_pure(*pure, std::move(arguments));
    }
    if (auto bound = bind_session_function(name)) return std::move(*bound);
    const auto is = [&](std::string_view known) { return same_text(known, name); };
    constexpr std::size_t many = 254;
    if (is("SERVERPROPERTY")) {
        check_count(name, arguments, 1, 1);
        return server_property(arguments, server);
    }
    if (is("DATABASEPROPERTYEX")) {
        check_count(name, arguments, 2, 2);
        return database_property(arguments, server);
    }
    if (is("HAS_PERMS_BY_NAME")) {
        check_count(name, arguments, 3, 5);
        return has_permission(std::move(arguments));
    }
    if (is("ISNULL") || is("COALESCE")) {
        check_count(name, arguments, 2, is("ISNULL") ? 2 : many);
        return first_not_null(std::move(arguments));
    }
    if (is("NULLIF")) {
        check_count(name, arguments, 2, 2);
        return null_if(std::move(arguments), server.collation());
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
        return bind_database_function(is("DB_ID"), std::move(arguments));
    }
    if (is("OBJECT_ID")) {
        check_count(name, arguments, 1, 2);
        return object_number(std::move(arguments));
    }
    if (is("SCHEMA_ID")) {
        check_count(name, arguments, 0, 1);
        return schema_number(std::move(arguments));
    }
    if (is("DATABASE_PRINCIPAL_ID") || is("SUSER_ID") || is("CERT_ID")) {
        check_count(name, arguments, 1, 1);
        if (is("DATABASE_PRINCIPAL_ID")) return principal_number(std::move(arguments), "USER", "ROLE");
        return principal_number(std::move(arguments), is("CERT_ID") ? "CERTIFICATE" : "LOGIN", "");
    }
    if (is("NEWID")) return constant({SqlType::uniqueidentifier}, Cell{"3f2504e0-4f89-41d3-9a0c-0305e82c3301"});
    if (is("IS_SRVROLEMEMBER")) {
        check_count(name, arguments, 1, 2);
        return role_membership(std::move(arguments));
    }
    if (is("HAS_DBACCESS")) {
        check_count(name, arguments, 1, 1);
        return database_access(std::move(arguments));
    }
    if (is("ERROR_NUMBER") || is("ERROR_MESSAGE")) return bind_error_function(is("ERROR_NUMBER"));
    throw SqlError(195, 15, fmt::format("'{}' is not a recognized built-in function name.", name));
}

BoundExpression bind_variable(std::string_view name, const ServerView&) {
    const auto is = [&](std::string_view known) { return same_text(known, name); };
    const auto text_of = [](const ServerView& server, std::string_view key) {
        const auto found = server.property(key);
        return found ? to_text(found->value) : std::string();
    };
    static const auto property_text = text_of;
    if (is("@@SPID"))
        return of_server({SqlType::smallint},
                         [](const ServerView& server) { return Cell{std::int64_t{server.client().spid}}; });
    if (is("@@VERSION"))
        return of_server({SqlType::nvarchar, 300}, [](const ServerView& server) {
            return Cell{fmt::format("Microsoft SQL Server (simulated) - {} (X64) {}",
                                    property_text(server, "ProductVersion"), property_text(server, "Edition"))};
        });
    if (is("@@SERVERNAME"))
        return of_server(name_type, [](const ServerView& server) { return Cell{property_text(server, "ServerName")}; });
    if (is("@@SERVICENAME"))
        return of_server(name_type, [](const ServerView& server) {
            const std::string instance = property_text(server, "InstanceName");
            return Cell{instance.empty() ? "MSSQLSERVER" : instance};
        });
    if (is("@@ROWCOUNT") || is("@@ERROR")) return bind_statement_variable(is("@@ERROR"));
    if (is("@@TRANCOUNT") || is("@@NESTLEVEL")) return constant(int_type, Cell{std::int64_t{0}});
    if (is("@@LANGUAGE")) return text_constant("us_english");
    if (is("@@MAX_PRECISION")) return constant({SqlType::tinyint}, Cell{std::int64_t{38}});
    if (is("@@LOCK_TIMEOUT")) return constant(int_type, Cell{std::int64_t{-1}});
    throw SqlError(137, 15, fmt::format("Must declare the scalar variable \"{}\".", name));
}

Cell convert_styled(const Cell& value, const ColumnType& from, const ColumnType& to, int style) {
    if (is_null(value) || style == 0) return convert(value, to);
    if (from.type == SqlType::varbinary && is_text(to.type)) {
        const std::string hex = to_text(value);
        return convert(Cell{style == 2 ? hex.substr(2) : hex}, to);
    }
    if (is_time(from.type) && is_text(to.type)) {
        std::string text = to_text(value);
        constexpr std::size_t date_length = 10;
        constexpr std::size_t second_length = 19;
        if (style == 112)
            return convert(Cell{replace_all({Cell{text.substr(0, date_length)}, Cell{"-"}, Cell{""}})}, to);
        if (style == 120) text.resize(std::min(text.size(), second_length));
        if (style != 126 && style != 127) std::replace(text.begin(), text.end(), 'T', ' ');
        return convert(Cell{text}, to);
    }
    return convert(value, to);
}

}  // namespace tds_server
