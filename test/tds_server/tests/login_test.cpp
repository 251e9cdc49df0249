// PRELOGIN and LOGIN7.
#include <gtest/gtest.h>

#include "tds_server/byte_reader.h"
#include "tds_server/byte_writer.h"
#include "tds_server/login_record.h"
#include "tds_server/prelogin.h"
#include "tds_server/tests/hex.h"
#include "tds_server/tests/login_message.h"

namespace tds_server {
namespace {

TEST(Prelogin, FindsWhatTheClientAsks) {
    EXPECT_EQ(parse_prelogin(from_hex("00 000B 0006 01 0011 0001 FF 000000000000 01")), Encryption::on);
    EXPECT_EQ(parse_prelogin(from_hex("01 0006 0001 FF 00")), Encryption::login_only);
    EXPECT_EQ(parse_prelogin(from_hex("FF")), Encryption::not_supported);
}

TEST(Prelogin, RefusesOffsetsBehindTheEnd) {
    EXPECT_THROW(parse_prelogin(from_hex("01 00FF 0001 FF 00")), ProtocolError);
    EXPECT_THROW(parse_prelogin(from_hex("00 0006")), ProtocolError);
}

TEST(Prelogin, AnswersInEveryMode) {
    const auto answer = [](TlsMode mode, Encryption asked) { return answer_encryption(mode, asked, false); };
    EXPECT_EQ(answer(TlsMode::off, Encryption::on).offered, Encryption::not_supported);
    EXPECT_FALSE(answer(TlsMode::login_only, Encryption::login_only).everything);
    EXPECT_TRUE(answer(TlsMode::login_only, Encryption::login_only).handshake);
    EXPECT_TRUE(answer(TlsMode::login_only, Encryption::on).everything);
    EXPECT_FALSE(answer(TlsMode::request, Encryption::not_supported).refused);
    EXPECT_TRUE(answer(TlsMode::request, Encryption::login_only).everything);
    EXPECT_EQ(answer(TlsMode::require, Encryption::login_only).offered, Encryption::required);
    EXPECT_EQ(answer(TlsMode::require, Encryption::on).offered, Encryption::on);
    EXPECT_TRUE(answer(TlsMode::require, Encryption::not_supported).refused);
}

TEST(Prelogin, DowngradeEncryptsTheLoginOnly) {
    const auto answer = answer_encryption(TlsMode::require, Encryption::on, true);
    EXPECT_EQ(answer.offered, Encryption::login_only);
    EXPECT_TRUE(answer.handshake);
    EXPECT_FALSE(answer.everything);
}

TEST(Login, ReadsTheRecord) {
    LoginMessage message;
    message.user = "vitals";
    message.password = "gehéim€";
    message.application = "poller";
    message.database = "tempdb";
    message.features = from_hex("0A 01000000 01 FF");
    const LoginRecord login = parse_login(login_message(message));
    EXPECT_EQ(login.version, TdsVersion::v7_4);
    EXPECT_EQ(login.user, message.user);
    EXPECT_EQ(login.password, message.password);
    EXPECT_EQ(login.app_name, message.application);
    EXPECT_EQ(login.database, message.database);
    EXPECT_TRUE(login.asks_features);
    EXPECT_EQ(login.features, std::vector<std::uint8_t>{0x0A});
    EXPECT_FALSE(login.integrated);
}

TEST(Login, TakesTheNearestVersionBelow) {
    LoginMessage message;
    message.version = 0x71000001;
    EXPECT_EQ(parse_login(login_message(message)).version, TdsVersion::v7_1);
    message.version = 0x730A0003;
    EXPECT_EQ(parse_login(login_message(message)).version, TdsVersion::v7_3a);
    message.version = 0x70000000;
    EXPECT_THROW(parse_login(login_message(message)), ProtocolError);
}

TEST(Login, EveryTruncationIsRefused) {
    LoginMessage message;
    message.features = from_hex("0A 01000000 01 FF");
    const std::string bytes = login_message(message);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_THROW(parse_login(bytes.substr(0, size)), ProtocolError) << size;
}

}  // namespace
}  // namespace tds_server
