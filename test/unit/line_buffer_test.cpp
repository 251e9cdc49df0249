// Lines out of a byte stream, however it is cut into reads, and never more than the limit.
#include "core/line_buffer.h"

#include <gtest/gtest.h>

#include "core/wire.h"

namespace vitals::core {
namespace {

TEST(LineBuffer, ReturnsLinesAcrossReads) {
    LineBuffer buffer(16);
    buffer.append("one\ntw");
    EXPECT_EQ(buffer.next(), "one");
    EXPECT_EQ(buffer.next(), std::nullopt);
    EXPECT_EQ(buffer.pending(), 2U);
    buffer.append("o\n\nthree\n");
    EXPECT_EQ(buffer.next(), "two");
    EXPECT_EQ(buffer.next(), "");
    EXPECT_EQ(buffer.next(), "three");
    EXPECT_EQ(buffer.next(), std::nullopt);
    EXPECT_EQ(buffer.pending(), 0U);
}

TEST(LineBuffer, AcceptsALineOfExactlyTheLimit) {
    LineBuffer buffer(4);
    buffer.append("abcd\nefgh");
    EXPECT_EQ(buffer.next(), "abcd");
    EXPECT_EQ(buffer.next(), std::nullopt);
    buffer.append("\n");
    EXPECT_EQ(buffer.next(), "efgh");
}

TEST(LineBuffer, RefusesALongerLineWithAndWithoutNewline) {
    LineBuffer finished(4);
    finished.append("abcde\n");
    EXPECT_THROW(finished.next(), WireError);

    LineBuffer unfinished(4);
    unfinished.append("abcd");
    EXPECT_EQ(unfinished.next(), std::nullopt);
    unfinished.append("e");
    EXPECT_THROW(unfinished.next(), WireError);
}

}  // namespace
}  // namespace vitals::core
