#include "tds_server/fault.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tds_server/reply_source.h"
#include "tds_server/server_errors.h"

namespace tds_server {
namespace {

TEST(Fault, ReadsNamesAndNumbers) {
    EXPECT_EQ(fault_from_text("cut").kind, FaultKind::cut);
    EXPECT_EQ(fault_from_text("error=229").amount, 229);
    EXPECT_EQ(fault_from_text("huge-row").amount, 64);
    EXPECT_EQ(fault_from_text("huge-row=2").amount, 2);
}

TEST(Fault, RefusesWhatItDoesNotKnow) {
    for (const char* text : {"", "cuts", "cut=1", "error", "error=", "error=x", "error=-1", "latency=1e3", "=1"})
        EXPECT_THROW(fault_from_text(text), std::invalid_argument) << text;
}

TEST(ServerErrors, HaveTheirTextAndLevel) {
    const ServerMessage failed = server_error(18456, "me", "master");
    EXPECT_EQ(failed.text, "Login failed for user 'me'.");
    EXPECT_EQ(failed.level, 14);
    EXPECT_TRUE(is_login_error(4060));
    EXPECT_FALSE(is_login_error(1205));
    EXPECT_EQ(server_error(99, "", "").level, 16);
}

std::size_t total_size(ReplySource& source) {
    std::size_t size = 0;
    while (const auto tokens = source.next())
        size += tokens->size();
    return size;
}

TEST(ReplySource, AHugeRowIsNeverHeldWhole) {
    const auto source = huge_row(TdsVersion::v7_4, 16);
    std::size_t size = 0;
    std::size_t longest = 0;
    while (const auto tokens = source->next()) {
        size += tokens->size();
        longest = std::max(longest, tokens->size());
    }
    EXPECT_GT(size, std::size_t{16} << 20);
    EXPECT_LT(longest, 100'000U);
}

TEST(ReplySource, AStormEndsWithTheAnswer) {
    const auto storm = message_storm(TdsVersion::v7_4, 1000, "answer");
    std::string last;
    while (auto tokens = storm->next())
        last = *tokens;
    EXPECT_EQ(last, "answer");
    EXPECT_EQ(total_size(*fixed_reply("four")), 4U);
}

TEST(ReplySource, EndlessRowsGoOn) {
    const auto source = endless_rows(TdsVersion::v7_4);
    for (int i = 0; i < 100; ++i)
        ASSERT_TRUE(source->next());
}

}  // namespace
}  // namespace tds_server
