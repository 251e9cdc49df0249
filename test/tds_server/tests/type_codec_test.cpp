// Expected bytes are written down from the protocol's description, not from the codec.
#include "tds_server/type_codec.h"

#include <gtest/gtest.h>

#include "tds_server/tests/hex.h"
#include "tds_server/value_text.h"

namespace tds_server {
namespace {

struct Case {
    const char* name;
    ColumnType type;
    Cell cell;
    const char* info;
    const char* value;
    const char* null_value;
};

void PrintTo(const Case& c, std::ostream* out) {
    *out << c.name;
}

class TypeCodec : public testing::TestWithParam<Case> {};

std::string info_of(const ColumnType& type, TdsVersion version) {
    ByteWriter writer;
    write_type_info(writer, type, version);
    return to_hex(writer.take());
}

std::string value_of(const Cell& cell, const ColumnType& type, TdsVersion version = TdsVersion::v7_4) {
    ByteWriter writer;
    write_value(writer, cell, type, version);
    return to_hex(writer.take());
}

TEST_P(TypeCodec, WritesTypeValueAndNull) {
    const Case& c = GetParam();
    EXPECT_EQ(info_of(c.type, TdsVersion::v7_4), without_blanks(c.info));
    EXPECT_EQ(value_of(c.cell, c.type), without_blanks(c.value));
    EXPECT_EQ(value_of(Cell{}, c.type), without_blanks(c.null_value));
}

const Case cases[] = {
    {"bit", {SqlType::bit}, Cell{true}, "68 01", "01 01", "00"},
    {"tinyint", {SqlType::tinyint}, Cell{std::int64_t{255}}, "26 01", "01 FF", "00"},
    {"smallint", {SqlType::smallint}, Cell{std::int64_t{-2}}, "26 02", "02 FEFF", "00"},
    {"int", {SqlType::integer}, Cell{std::int64_t{305419896}}, "26 04", "04 78563412", "00"},
    {"bigint", {SqlType::bigint}, Cell{std::int64_t{-1}}, "26 08", "08 FFFFFFFFFFFFFFFF", "00"},
    {"real", {SqlType::real}, Cell{1.5}, "6D 04", "04 0000C03F", "00"},
    {"float", {SqlType::float8}, Cell{-2.0}, "6D 08", "08 00000000000000C0", "00"},
    {"decimal9", {SqlType::decimal, 0, 9, 2}, Cell{"-123.45"}, "6C 05 09 02", "05 00 39300000", "00"},
    {"decimal38",
     {SqlType::decimal, 0, 38, 0},
     Cell{"340282366920938463463374607431768211"},
     "6C 11 26 00",
     "11 01 93180456 0E2DB29DEFA7C64B37894100",
     "00"},
    {"money", {SqlType::money}, Cell{"-1.5"}, "6E 08", "08 FFFFFFFF 68C5FFFF", "00"},
    {"date", {SqlType::date}, Cell{"2026-03-02"}, "28", "03 5C490B", "00"},
    {"time0", {SqlType::time, 0, 0, 0}, Cell{"00:01:01"}, "29 00", "03 3D0000", "00"},
    {"time7", {SqlType::time, 0, 0, 7}, Cell{"00:00:00.0000001"}, "29 07", "05 0100000000", "00"},
    {"datetime", {SqlType::datetime}, Cell{"1900-01-02T00:00:01.000"}, "6F 08", "08 01000000 2C010000", "00"},
    {"datetime2", {SqlType::datetime2, 0, 0, 3}, Cell{"0001-01-02T00:00:00.005"}, "2A 03", "07 05000000 010000", "00"},
    {"datetimeoffset",
     {SqlType::datetimeoffset, 0, 0, 0},
     Cell{"0001-01-02T00:30:00+01:00"},
     "2B 00",
     "08 784A01 000000 3C00",
     "00"},
    {"uniqueidentifier",
     {SqlType::uniqueidentifier},
     Cell{"00112233-4455-6677-8899-AABBCCDDEEFF"},
     "24 10",
     "10 33221100 5544 7766 8899 AABBCCDDEEFF",
     "00"},
    {"varbinary", {SqlType::varbinary, 4}, Cell{"0x00FF"}, "A5 0400", "0200 00FF", "FFFF"},
    {"char", {SqlType::character, 3}, Cell{"é"}, "AF 0300 0904D00034", "0300 E92020", "FFFF"},
    {"varchar", {SqlType::varchar, 5}, Cell{"€"}, "A7 0500 0904D00034", "0100 80", "FFFF"},
    {"nchar", {SqlType::nchar, 2}, Cell{"a"}, "EF 0400 0904D00034", "0400 6100 2000", "FFFF"},
    {"nvarchar", {SqlType::nvarchar, 5}, Cell{"€"}, "E7 0A00 0904D00034", "0200 AC20", "FFFF"},
    {"nvarchar_max",
     {SqlType::nvarchar_max},
     Cell{"ab"},
     "E7 FFFF 0904D00034",
     "0400000000000000 04000000 61006200 00000000",
     "FFFFFFFFFFFFFFFF"},
    {"nvarchar_max_empty",
     {SqlType::nvarchar_max},
     Cell{""},
     "E7 FFFF 0904D00034",
     "0000000000000000 00000000",
     "FFFFFFFFFFFFFFFF"},
};

INSTANTIATE_TEST_SUITE_P(All, TypeCodec, testing::ValuesIn(cases), [](const auto& info) { return info.param.name; });

TEST(TypeCodecOldVersions, NvarcharMaxIsNtextBefore72) {
    const ColumnType type{SqlType::nvarchar_max};
    EXPECT_EQ(info_of(type, TdsVersion::v7_1), without_blanks("63 FEFFFF7F 0904D00034 0000"));
    EXPECT_EQ(value_of("a", type, TdsVersion::v7_1),
              without_blanks("10 707070707070707070707070707070707070707070707070 02000000 6100"));
    EXPECT_EQ(value_of(Cell{}, type, TdsVersion::v7_1), "00");
}

TEST(TypeCodecOldVersions, TheNewTimesAreTextsBefore73) {
    const ColumnType type{SqlType::date};
    EXPECT_EQ(info_of(type, TdsVersion::v7_2), without_blanks("E7 1400 0904D00034"));
    EXPECT_EQ(value_of("2026-03-02", type, TdsVersion::v7_2),
              without_blanks("1400 3200300032003600 2D00 30003300 2D00 30003200"));
    EXPECT_EQ(value_of(Cell{}, type, TdsVersion::v7_2), "FFFF");
}

TEST(TypeCodecNotNull, HasFixedTypesWithoutLengths) {
    const ColumnType type{SqlType::integer, 0, 0, 0, false};
    EXPECT_EQ(info_of(type, TdsVersion::v7_4), "38");
    EXPECT_EQ(value_of(std::int64_t{1}, type), "01000000");
    EXPECT_THROW(value_of(Cell{}, type), ValueError);
}

TEST(TypeCodecErrors, ValuesThatDoNotFitAreRefused) {
    EXPECT_THROW(value_of("abc", {SqlType::nvarchar, 2}), ValueError);
    EXPECT_THROW(value_of("12345678901", {SqlType::decimal, 0, 9, 0}), ValueError);
    EXPECT_THROW(value_of("abc", {SqlType::decimal, 0, 9, 0}), ValueError);
    EXPECT_THROW(value_of("2026-02-30", {SqlType::date}), ValueError);
    EXPECT_THROW(value_of("25:00:00", {SqlType::time}), ValueError);
    EXPECT_THROW(value_of("0x0", {SqlType::varbinary, 4}), ValueError);
    EXPECT_THROW(value_of("no", {SqlType::uniqueidentifier}), ValueError);
}

TEST(TypeCodecRounding, DatetimeIsInThreeHundredthsOfASecond) {
    EXPECT_EQ(value_of("1900-01-01T00:00:00.997", {SqlType::datetime}), without_blanks("08 00000000 2B010000"));
    EXPECT_EQ(value_of("1900-01-01T23:59:59.999", {SqlType::datetime}), without_blanks("08 01000000 00000000"));
}

TEST(TypeCodecRounding, DecimalRoundsHalfUp) {
    EXPECT_EQ(value_of("0.125", {SqlType::decimal, 0, 9, 2}), without_blanks("05 01 0D000000"));
    EXPECT_EQ(value_of("0.124", {SqlType::decimal, 0, 9, 2}), without_blanks("05 01 0C000000"));
}

}  // namespace
}  // namespace tds_server
