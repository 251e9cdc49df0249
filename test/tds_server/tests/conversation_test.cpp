#include "tds_server/conversation.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tds_server/byte_reader.h"
#include "tds_server/tests/hex.h"
#include "tds_server/tests/login_message.h"

namespace tds_server {
namespace {

// Remembers what it was asked.
class RecordingEngine : public Engine {
  public:
    Reply execute(std::string_view sql, ClientContext& client) override {
        asked.emplace_back(sql);
        if (!prepares.sql.empty()) client.prepared.add(std::exchange(prepares, {}));
        last_client = client;
        return {};
    }
    std::optional<ServerMessage> refusal(const ClientContext& client) override {
        if (client.database != "nope") return std::nullopt;
        return ServerMessage{911, 16, 1, "Database 'nope' does not exist."};
    }

    std::vector<std::string> asked;
    PreparedStatement prepares;  // with the next batch
    ClientContext last_client;
};

class ConversationTest : public testing::Test {
  protected:
    Conversation::LoginReply log_in(const LoginMessage& message = {}, int forced_error = 0) {
        return talk.log_in(login_message(message), true, forced_error);
    }
    void call(std::string_view procedure_number, const std::string& parameters) {
        talk.answer(
            {PacketType::rpc, headers + from_hex("FFFF") + from_hex(procedure_number) + from_hex("0000") + parameters});
    }
    static std::string text_parameter(std::string_view name, std::string_view text) {
        return parameter_head(name) + from_hex("E7 401F 0904D00034") + length16(utf8_to_utf16le(text)) +
               utf8_to_utf16le(text);
    }
    static std::string int_parameter(std::string_view name, std::uint8_t value) {
        return parameter_head(name) + from_hex("26 04 04") + static_cast<char>(value) + std::string(3, '\0');
    }

    const std::string headers = from_hex("16000000 12000000 0200 0000000000000000 01000000");
    RecordingEngine engine;
    Account account;
    Conversation talk{engine, account, "SIM", 60};

  private:
    static std::string parameter_head(std::string_view name) {
        return static_cast<char>(name.size()) + utf8_to_utf16le(name) + std::string(1, '\0');
    }
    static std::string length16(const std::string& bytes) {
        ByteWriter writer;
        writer.u16(bytes.size());
        return writer.take();
    }
};

bool has_message(const std::string& tokens, std::string_view text) {
    return tokens.find(utf8_to_utf16le(text)) != std::string::npos;
}

TEST_F(ConversationTest, TheRightPasswordIsWelcome) {
    LoginMessage message;
    message.packet_size = 100'000;
    message.database = "tempdb";
    const auto reply = log_in(message);
    EXPECT_TRUE(reply.accepted);
    EXPECT_TRUE(has_message(reply.tokens, "Changed database context to 'tempdb'."));
    EXPECT_EQ(talk.packet_size(), greatest_packet_size);
}

TEST_F(ConversationTest, AWrongPasswordOrLoginIsRefused) {
    LoginMessage message;
    message.password = "vital";
    EXPECT_TRUE(has_message(log_in(message).tokens, "Login failed for user 'vitals'."));
    message = {};
    message.user = "root";
    const auto reply = log_in(message);
    EXPECT_FALSE(reply.accepted);
    EXPECT_TRUE(has_message(reply.tokens, "Login failed for user 'root'."));
}

TEST_F(ConversationTest, ALoginFailsWithTheErrorThatIsAskedFor) {
    const auto reply = log_in({}, 18401);
    EXPECT_FALSE(reply.accepted);
    EXPECT_TRUE(has_message(reply.tokens, "Server is in script upgrade mode."));
}

TEST_F(ConversationTest, FeaturesAreAcknowledgedOnlyWhenAskedFor) {
    const std::string ack = from_hex("AE 0A 01000000 01 FF");
    EXPECT_EQ(log_in().tokens.find(ack), std::string::npos);
    LoginMessage message;
    message.features = from_hex("0A 01000000 01 FF");
    EXPECT_NE(log_in(message).tokens.find(ack), std::string::npos);
}

TEST_F(ConversationTest, TheEngineLearnsWhoAsks) {
    log_in();
    talk.answer({PacketType::sql_batch, headers + utf8_to_utf16le("SELECT 1")});
    EXPECT_EQ(engine.asked, std::vector<std::string>{"SELECT 1"});
    EXPECT_EQ(engine.last_client.spid, 60);
    EXPECT_EQ(engine.last_client.login, "vitals");
    EXPECT_EQ(engine.last_client.app_name, "test");
    EXPECT_EQ(engine.last_client.database, "master");
    EXPECT_TRUE(engine.last_client.encrypted);
}

TEST_F(ConversationTest, ExecuteSqlTakesNamesFromTheDeclaration) {
    log_in();
    call("0A00", text_parameter("", "SELECT @a, @b") + text_parameter("", "@a decimal(9,2), @b int") +
                     text_parameter("@b", "two") + int_parameter("@a", 1));
    call("0A00", text_parameter("", "SELECT @a, @b") + text_parameter("", "@a int, @b int") + int_parameter("", 3) +
                     int_parameter("", 4));
    EXPECT_EQ(engine.asked, (std::vector<std::string>{"SELECT 1, N'two'", "SELECT 3, 4"}));
}

TEST_F(ConversationTest, PreparedStatementsAreKeptUntilTheyAreDropped) {
    log_in();
    call("0B00", int_parameter("@handle", 0) + text_parameter("", "@a int") + text_parameter("", "SELECT @a"));
    call("0C00", int_parameter("", 1) + int_parameter("", 5));
    call("0F00", int_parameter("", 1));
    call("0C00", int_parameter("", 1) + int_parameter("", 6));
    EXPECT_EQ(engine.asked, std::vector<std::string>{"SELECT 5"});
}

TEST_F(ConversationTest, WhatABatchHasPreparedIsExecutedByACall) {
    log_in();
    engine.prepares = {"SELECT @a", "@a int"};
    talk.answer({PacketType::sql_batch, headers + utf8_to_utf16le("EXEC sp_prepare ...")});
    call("0C00", int_parameter("", 1) + int_parameter("", 5));
    talk.forget_prepared();
    call("0C00", int_parameter("", 1) + int_parameter("", 5));
    EXPECT_EQ(engine.asked, (std::vector<std::string>{"EXEC sp_prepare ...", "SELECT 5"}));
}

TEST_F(ConversationTest, OtherProceduresBecomeExec) {
    log_in();
    talk.answer(
        {PacketType::rpc, headers + from_hex("0100 7000 0000") + int_parameter("", 1) + text_parameter("@x", "y")});
    EXPECT_EQ(engine.asked, std::vector<std::string>{"EXEC p 1, @x = N'y'"});
}

TEST_F(ConversationTest, ARequestOfAnUnknownTypeIsRefused) {
    log_in();
    EXPECT_THROW(talk.answer({PacketType::prelogin, ""}), ProtocolError);
    EXPECT_THROW(call("0A00", ""), ProtocolError);
}

}  // namespace
}  // namespace tds_server
