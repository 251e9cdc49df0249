#include "tds_server/client_request.h"

#include <gtest/gtest.h>

#include "tds_server/byte_reader.h"
#include "tds_server/tests/hex.h"
#include "tds_server/text_encoding.h"

namespace tds_server {
namespace {

const std::string headers = from_hex("16000000 12000000 0200 0000000000000000 01000000");

TEST(ClientRequest, BatchesHaveHeadersSince72) {
    EXPECT_EQ(parse_batch(utf8_to_utf16le("SELECT 1"), TdsVersion::v7_1), "SELECT 1");
    EXPECT_EQ(parse_batch(headers + utf8_to_utf16le("SELECT 1"), TdsVersion::v7_4), "SELECT 1");
    EXPECT_THROW(parse_batch(from_hex("03000000"), TdsVersion::v7_4), ProtocolError);
    EXPECT_THROW(parse_batch(from_hex("FFFFFFFF 00"), TdsVersion::v7_4), ProtocolError);
}

TEST(ClientRequest, TransactionsTellTheirStep) {
    EXPECT_EQ(parse_transaction(headers + from_hex("0500 0000")), TransactionStep::begin);
    EXPECT_EQ(parse_transaction(headers + from_hex("0700 0000")), TransactionStep::commit);
}

RpcRequest call(std::string_view parameters) {
    return parse_rpc(headers + from_hex("FFFF 0A00 0000") + from_hex(parameters), TdsVersion::v7_4);
}

std::string literal(std::string_view type_and_value) {
    return call("00 00" + std::string(type_and_value)).parameters.at(0).literal;
}

TEST(ClientRequest, ProceduresByNumberAndByName) {
    EXPECT_EQ(call("").procedure, "sp_executesql");
    const std::string by_name = from_hex("0300") + utf8_to_utf16le("abc") + from_hex("0000");
    EXPECT_EQ(parse_rpc(headers + by_name, TdsVersion::v7_4).procedure, "abc");
}

TEST(ClientRequest, ParametersBecomeLiterals) {
    EXPECT_EQ(literal("26 04 04 FEFFFFFF"), "-2");
    EXPECT_EQ(literal("26 01 01 FF"), "255");
    EXPECT_EQ(literal("26 08 00"), "NULL");
    EXPECT_EQ(literal("68 01 01 01"), "1");
    EXPECT_EQ(literal("E7 4000 0904D00034 0600 61002700AC20"), "N'a''€'");
    EXPECT_EQ(literal("E7 FFFF 0904D00034 0200000000000000 02000000 6100 00000000"), "N'a'");
    EXPECT_EQ(literal("E7 FFFF 0904D00034 FFFFFFFFFFFFFFFF"), "NULL");
    EXPECT_EQ(literal("A7 4000 0904D00034 0100 80"), "N'€'");
    EXPECT_EQ(literal("A5 0400 0200 00FF"), "0x00FF");
    EXPECT_EQ(literal("6C 05 09 02 05 00 39300000"), "-123.45");
    EXPECT_EQ(literal("6E 08 08 FFFFFFFF 68C5FFFF"), "-1.5000");
    EXPECT_EQ(literal("6D 08 08 000000000000F83F"), "1.50000000000000000e+00");
    EXPECT_EQ(literal("28 03 5C490B"), "'2026-03-02'");
    EXPECT_EQ(literal("2A 03 07 05000000 010000"), "'0001-01-02 00:00:00.0050000'");
    EXPECT_EQ(literal("24 10 10 33221100 5544 7766 8899 AABBCCDDEEFF"), "'00112233-4455-6677-8899-AABBCCDDEEFF'");
}

TEST(ClientRequest, BrokenParametersAreRefused) {
    EXPECT_THROW(call("00 00 26 04 04 FEFF"), ProtocolError);
    EXPECT_THROW(call("05 40"), ProtocolError);
    EXPECT_THROW(call("00 00 F1"), ProtocolError);
    EXPECT_THROW(call("00 00 E7 FFFF 0904D00034 0200000000000000 FFFFFFFF"), ProtocolError);
}

TEST(ClientRequest, ParametersAreReplacedOutsideOfQuotes) {
    const std::vector<RpcParameter> parameters{{"@a", "1", ""}, {"@ab", "N'x'", ""}};
    EXPECT_EQ(substitute_parameters("SELECT @a, @AB, '@a', [@a], \"@a\", @abc, @@a", parameters),
              "SELECT 1, N'x', '@a', [@a], \"@a\", @abc, @@a");
    EXPECT_EQ(substitute_parameters("SELECT 'it''s @a' + @a", parameters), "SELECT 'it''s @a' + 1");
    EXPECT_EQ(substitute_parameters("SELECT '@a", parameters), "SELECT '@a");
}

}  // namespace
}  // namespace tds_server
