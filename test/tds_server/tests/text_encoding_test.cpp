#include "tds_server/text_encoding.h"

#include <gtest/gtest.h>

#include "tds_server/tests/hex.h"

namespace tds_server {
namespace {

TEST(TextEncoding, Utf16BothWays) {
    const std::string text = "aé€😀";
    EXPECT_EQ(to_hex(utf8_to_utf16le(text)), without_blanks("6100 E900 AC20 3DD8 00DE"));
    EXPECT_EQ(utf16le_to_utf8(utf8_to_utf16le(text)), text);
}

TEST(TextEncoding, BrokenInputBecomesReplacementCharacters) {
    EXPECT_EQ(to_hex(utf8_to_utf16le("\xFF\xC3")), without_blanks("FDFF FDFF"));
    EXPECT_EQ(to_hex(utf8_to_utf16le("\xE2\x82z")), without_blanks("FDFF 7A00"));
    EXPECT_EQ(to_hex(utf8_to_utf16le("\xED\xA0\x80")), without_blanks("FDFF"));
    EXPECT_EQ(utf16le_to_utf8(from_hex("3DD8 6100")), "\uFFFDa");
    EXPECT_EQ(utf16le_to_utf8(from_hex("00DE 61")), "\uFFFD");
}

TEST(TextEncoding, Cp1252BothWays) {
    EXPECT_EQ(to_hex(utf8_to_cp1252("aé€😀")), without_blanks("61 E9 80 3F"));
    EXPECT_EQ(cp1252_to_utf8(from_hex("61 E9 80 9F")), "aé€Ÿ");
}

}  // namespace
}  // namespace tds_server
