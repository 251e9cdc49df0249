// That what held a password for a moment does not keep it.
#include "core/secret.h"

#include <gtest/gtest.h>

namespace vitals::core {
namespace {

// Of a buffer that is large enough not to move: the bytes in front of what is left.
TEST(SecretBuffer, WhatWasSentIsWiped) {
    SecretBuffer buffer;
    buffer.append(std::string(100, 'x'));
    buffer.drop(100);
    buffer.append("hunter2 and more");
    const char* start = buffer.view().data();
    buffer.drop(7);
    EXPECT_EQ(buffer.view(), " and more");
    EXPECT_EQ(std::string(start, 7), std::string(7, '\0'));
    EXPECT_EQ(buffer.view().data(), start + 7) << "what is left does not move, so that no copy stays behind";
}

TEST(SecretBuffer, KeepsWhatIsLeftWhenItGrows) {
    SecretBuffer buffer;
    std::string expected;
    for (int i = 0; i < 200; ++i) {
        const std::string line = "line " + std::to_string(i) + "\n";
        buffer.append(line);
        expected += line;
        if (i % 3 == 0) {
            buffer.drop(5);
            expected.erase(0, 5);
        }
        ASSERT_EQ(buffer.view(), expected);
    }
    EXPECT_EQ(buffer.size(), expected.size());
    buffer.drop(buffer.size());
    EXPECT_TRUE(buffer.empty());
    EXPECT_EQ(buffer.view(), "");
}

}  // namespace
}  // namespace vitals::core
