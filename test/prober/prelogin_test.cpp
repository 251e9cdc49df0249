// Answers to PRELOGIN as servers and impostors send them.
#include "prober/connectors/mssql/prelogin.h"

#include <gtest/gtest.h>

#include <string>

namespace vitals::prober {
namespace {

// A packet with VERSION and ENCRYPTION, as SQL Server sends it.
std::string answer(char encryption) {
    const std::string header("\x04\x01\x00\x1A\x00\x00\x01\x00", 8);
    const std::string options("\x00\x00\x0B\x00\x06\x01\x00\x11\x00\x01\xFF", 11);
    const std::string version("\x10\x00\x10\x09\x00\x00", 6);
    return header + options + version + std::string(1, encryption);
}

TEST(Prelogin, ReadsTheOffer) {
    EXPECT_EQ(offered_encryption(answer(0)), OfferedEncryption::login_only);
    EXPECT_EQ(offered_encryption(answer(1)), OfferedEncryption::on);
    EXPECT_EQ(offered_encryption(answer(2)), OfferedEncryption::none);
    EXPECT_EQ(offered_encryption(answer(3)), OfferedEncryption::required);
    EXPECT_EQ(offered_encryption(answer(4)), OfferedEncryption::unknown);
}

TEST(Prelogin, EveryCutAnswerIsUnknown) {
    const std::string whole = answer(2);
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_EQ(offered_encryption(whole.substr(0, size)), OfferedEncryption::unknown) << size;
}

TEST(Prelogin, OffsetsThatPointElsewhereAreUnknown) {
    std::string text = answer(2);
    text[14] = '\x7F';
    EXPECT_EQ(offered_encryption(text), OfferedEncryption::unknown);
    text[14] = '\xFF';
    text[15] = '\xFF';
    EXPECT_EQ(offered_encryption(text), OfferedEncryption::unknown);
    text = answer(2);
    text[8] = '\xFF';
    EXPECT_EQ(offered_encryption(text), OfferedEncryption::unknown) << "no options at all";
}

TEST(Prelogin, TellsASqlServerFromOthers) {
    EXPECT_TRUE(looks_like_tds(answer(1)));
    EXPECT_FALSE(looks_like_tds(""));
    EXPECT_FALSE(looks_like_tds("HTTP/1.1 400 Bad Request"));
    EXPECT_FALSE(looks_like_tds("\x15\x03\x01"));
}

}  // namespace
}  // namespace vitals::prober
