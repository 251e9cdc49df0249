// The DONE tokens between the parts of a reply.
#include "tds_server/reply_encoder.h"

#include <gtest/gtest.h>

#include "tds_server/tests/hex.h"

namespace tds_server {
namespace {

ResultSet one_row() {
    return {{{"n", {SqlType::tinyint, 0, 0, 0, false}}}, {Row{std::int64_t{7}}}};
}

const std::string set_tokens = "81 0100 00000000 0800 30 01 6E00 D1 07";

// What stands between names: tokens without texts are compared whole, messages by their first byte.
std::string encoded(const Reply& reply, bool remote_call = false) {
    return to_hex(encode_reply(reply, {TdsVersion::v7_4, "s", remote_call, {}, 0}).text());
}

std::string message_tokens(const char* token, const char* number, const char* level) {
    return std::string(token) + "1200" + number + "01" + level + "0100 7400 01 7300 00 01000000";
}

const ServerMessage info{1, 0, 1, "t"};
const ServerMessage error{2, 16, 1, "t"};
const std::string info_tokens = message_tokens("AB", "01000000", "00");
const std::string error_tokens = message_tokens("AA", "02000000", "10");

TEST(ReplyEncoder, AnEmptyReplyIsDone) {
    EXPECT_EQ(encoded({}), without_blanks("FD 0000 0000 0000000000000000"));
}

TEST(ReplyEncoder, ResultSetsButTheLastSayThatMoreFollows) {
    EXPECT_EQ(encoded({one_row(), one_row()}), without_blanks(set_tokens + "FD 1100 C100 0100000000000000" +
                                                              set_tokens + "FD 1000 C100 0100000000000000"));
}

TEST(ReplyEncoder, AMessageEndsTheResultSetBeforeIt) {
    EXPECT_EQ(encoded({one_row(), info}), without_blanks(set_tokens + "FD 1100 C100 0100000000000000" + info_tokens +
                                                         "FD 0000 0000 0000000000000000"));
}

TEST(ReplyEncoder, AnErrorAfterRowsBelongsToTheirStatement) {
    EXPECT_EQ(encoded({one_row(), error}), without_blanks(set_tokens + error_tokens + "FD 0200 0000 0000000000000000"));
}

TEST(ReplyEncoder, TheLastDoneTellsOfAnEarlierError) {
    EXPECT_EQ(encoded({error, one_row()}), without_blanks(error_tokens + "FD 0300 0000 0000000000000000" + set_tokens +
                                                          "FD 1200 C100 0100000000000000"));
}

TEST(ReplyEncoder, AProcedureInABatchEndsWithItsStatus) {
    EXPECT_EQ(encoded({one_row(), ReturnStatus{7}}),
              without_blanks(set_tokens + "FF 1100 C100 0100000000000000 79 07000000 FE 0000 0000 0000000000000000"));
}

TEST(ReplyEncoder, ARemoteCallEndsWithAStatusInAnyCase) {
    EXPECT_EQ(encoded({one_row()}, true),
              without_blanks(set_tokens + "FF 1100 C100 0100000000000000 79 00000000 FE 0000 0000 0000000000000000"));
    EXPECT_EQ(encoded({error}, true), without_blanks(error_tokens + "FF 0300 0000 0000000000000000 79 02000000"
                                                                    "FE 0200 0000 0000000000000000"));
}

TEST(ReplyEncoder, NullsAreABitmapSince73B) {
    const ResultSet set{{{"n", {SqlType::tinyint}}, {"m", {SqlType::tinyint}}}, {Row{Cell{}, std::int64_t{7}}}};
    const std::string since = encoded({set});
    EXPECT_NE(since.find("D2010107"), std::string::npos) << since;
    const std::string before = to_hex(encode_reply({set}, {TdsVersion::v7_3a, "s", false, {}, 0}).text());
    EXPECT_NE(before.find("D1000107"), std::string::npos) << before;
}

TEST(ReplyEncoder, Version71HasShortCountersAndTypes) {
    EXPECT_EQ(to_hex(encode_reply({one_row()}, {TdsVersion::v7_1, "s", false, {}, 0}).text()),
              without_blanks("81 0100 0000 0800 30 01 6E00 D1 07 FD 1000 C100 01000000"));
}

TEST(ReplyEncoder, AValueThatDoesNotFitIsAnError) {
    ResultSet set = one_row();
    set.rows.push_back(Row{Cell{"many"}});
    const std::string tokens = encoded({set});
    EXPECT_NE(tokens.find("D107AA"), std::string::npos) << tokens;
    EXPECT_EQ(tokens.substr(tokens.size() - 26), without_blanks("FD 0200 0000 0000000000000000"));
}

}  // namespace
}  // namespace tds_server
