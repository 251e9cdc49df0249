#include "tds_server/sample_objects.h"

#include <fmt/format.h>

#include <limits>
#include <string>
#include <utility>

#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/tsql_lexer.h"

namespace tds_server {

namespace {

constexpr int sample_status = 7;
constexpr int default_level = 16;

Reply sample_procedure() {
    ResultSet set;
    set.columns = {{"id", {SqlType::integer, 0, 0, 0, false}}, {"name", {SqlType::nvarchar, 50}}};
    set.rows = {{Cell{std::int64_t{1}}, Cell{"one"}}, {Cell{std::int64_t{2}}, Cell{}}};
    return {std::move(set), ServerMessage{0, 0, 1, "a message of the procedure"}, ReturnStatus{sample_status}};
}

Reply raise(const std::vector<Cell>& arguments, const Fixture& fixture) {
    if (arguments.size() != 1)
        throw SqlError(201, 16, "Procedure or function 'raise' expects parameter '@number', which was not supplied.");
    const auto number = static_cast<int>(to_double(arguments.front()));
    const auto known = fixture.error(number);
    return {known ? *known : ServerMessage{number, default_level, 1, fmt::format("Error {}.", number)}};
}

Relation objects_table(std::string name, std::vector<Column> columns) {
    Relation relation;
    relation.name = std::move(name);
    relation.columns = std::move(columns);
    return relation;
}

}  // namespace

const std::vector<Column>& all_types_columns() {
    static const std::vector<Column> columns{
        {"c_bit", {SqlType::bit}},
        {"c_tinyint", {SqlType::tinyint}},
        {"c_smallint", {SqlType::smallint}},
        {"c_int", {SqlType::integer}},
        {"c_bigint", {SqlType::bigint}},
        {"c_real", {SqlType::real}},
        {"c_float", {SqlType::float8}},
        {"c_decimal", {SqlType::decimal, 0, 20, 4}},
        {"c_money", {SqlType::money, 0, 19, 4}},
        {"c_date", {SqlType::date}},
        {"c_time", {SqlType::time, 0, 0, 7}},
        {"c_datetime", {SqlType::datetime}},
        {"c_datetime2", {SqlType::datetime2, 0, 0, 7}},
        {"c_datetimeoffset", {SqlType::datetimeoffset, 0, 0, 7}},
        {"c_uniqueidentifier", {SqlType::uniqueidentifier}},
        {"c_varbinary", {SqlType::varbinary, 16}},
        {"c_char", {SqlType::character, 10}},
        {"c_varchar", {SqlType::varchar, 20}},
        {"c_nchar", {SqlType::nchar, 10}},
        {"c_nvarchar", {SqlType::nvarchar, 20}},
        {"c_nvarchar_max", {SqlType::nvarchar_max}},
    };
    return columns;
}

std::vector<Row> all_types_rows() {
    Row values{
        Cell{true},
        Cell{std::int64_t{255}},
        Cell{std::int64_t{-32768}},
        Cell{std::int64_t{2147483647}},
        Cell{std::numeric_limits<std::int64_t>::min()},
        Cell{1.5},
        Cell{-2.25e100},
        Cell{"-1234567890123456.7891"},
        Cell{"-922337203685477.5808"},
        Cell{"2026-03-02"},
        Cell{"23:59:58.9876543"},
        Cell{"2026-03-02T10:00:00.997"},
        Cell{"2026-03-02T10:00:00.1234567"},
        Cell{"2026-03-02T10:00:00.1234567+01:00"},
        Cell{"0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"},
        Cell{"0x000102FEFF"},
        Cell{"char      "},
        Cell{"varchar"},
        Cell{"Käse      "},
        Cell{"Größe €"},
        Cell{"as long as you like 😀"},
    };
    Row nulls(values.size());
    return {std::move(values), std::move(nulls)};
}

std::optional<Reply> call_sample_procedure(std::string_view procedure, const std::vector<Cell>& arguments,
                                           const Fixture& fixture) {
    if (same_text(procedure, "tds_server.sample_procedure")) return sample_procedure();
    if (same_text(procedure, "tds_server.raise")) return raise(arguments, fixture);
    return std::nullopt;
}

const std::array<Relation, 5>& made_relations() {
    static const ColumnType name_type{SqlType::nvarchar, 128};
    static const ColumnType int_type{SqlType::integer};
    static const ColumnType kind{SqlType::character, 2};
    static const ColumnType description{SqlType::nvarchar, 60};
    static const std::array<Relation, 5> relations{
        objects_table("sys.schemas", {{"name", name_type}, {"schema_id", int_type}, {"principal_id", int_type}}),
        objects_table("sys.procedures", {{"name", name_type},
                                         {"object_id", int_type},
                                         {"schema_id", int_type},
                                         {"type", kind},
                                         {"type_desc", description}}),
        objects_table("sys.objects", {{"name", name_type},
                                      {"object_id", int_type},
                                      {"schema_id", int_type},
                                      {"type", kind},
                                      {"type_desc", description}}),
        objects_table("sys.certificates", {{"name", name_type}, {"certificate_id", int_type}}),
        objects_table(std::string(all_types_table), all_types_columns())};
    return relations;
}

}  // namespace tds_server
