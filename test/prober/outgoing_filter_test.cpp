// What may leave a connection that must be encrypted: PRELOGIN packets, then TLS records, nothing else.
#include "prober/freetds/outgoing_filter.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace vitals::prober {
namespace {

using Bytes = std::vector<std::byte>;

Bytes packet(unsigned char type, std::size_t body, unsigned char fill = 0xAA) {
    const std::size_t length = body + 8;
    Bytes bytes{std::byte{type},
                std::byte{1},
                static_cast<std::byte>(length >> 8U),
                static_cast<std::byte>(length),
                std::byte{0},
                std::byte{0},
                std::byte{1},
                std::byte{0}};
    bytes.insert(bytes.end(), body, std::byte{fill});
    return bytes;
}

Bytes record(unsigned char type, std::size_t body) {
    Bytes bytes{std::byte{type}, std::byte{3}, std::byte{3}, static_cast<std::byte>(body >> 8U),
                static_cast<std::byte>(body)};
    bytes.insert(bytes.end(), body, std::byte{0x12});
    return bytes;
}

Bytes joined(std::initializer_list<Bytes> parts) {
    Bytes all;
    for (const Bytes& part : parts)
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

constexpr unsigned char prelogin = 0x12;
constexpr unsigned char login7 = 0x10;
constexpr unsigned char batch = 0x01;
constexpr unsigned char handshake = 0x16;
constexpr unsigned char application = 0x17;

TEST(OutgoingFilter, LetsPreloginAndTlsPass) {
    OutgoingFilter filter;
    EXPECT_TRUE(filter.take(packet(prelogin, 50)));
    EXPECT_TRUE(filter.take(packet(prelogin, 200, handshake))) << "the handshake travels in PRELOGIN packets";
    EXPECT_FALSE(filter.encrypted());
    EXPECT_TRUE(filter.take(record(application, 300)));
    EXPECT_TRUE(filter.encrypted());
    EXPECT_TRUE(filter.take(record(0x15, 2))) << "an alert";
}

TEST(OutgoingFilter, WorksByteByByte) {
    const Bytes stream =
        joined({packet(prelogin, 47), packet(prelogin, 120), record(application, 260), record(application, 1)});
    OutgoingFilter filter;
    for (const std::byte byte : stream)
        ASSERT_TRUE(filter.take({&byte, 1}));
    EXPECT_TRUE(filter.encrypted());
}

TEST(OutgoingFilter, StopsPlainText) {
    for (const unsigned char type :
         {login7, batch, static_cast<unsigned char>(0x03), static_cast<unsigned char>(0x0E),
          static_cast<unsigned char>(0x00), static_cast<unsigned char>(0x18), static_cast<unsigned char>(0xFF)}) {
        OutgoingFilter fresh;
        EXPECT_FALSE(fresh.take(packet(type, 20))) << int{type};
        OutgoingFilter later;
        EXPECT_TRUE(later.take(packet(prelogin, 20)));
        EXPECT_FALSE(later.take(packet(type, 20))) << int{type};
        OutgoingFilter encrypted;
        EXPECT_TRUE(encrypted.take(record(application, 20)));
        EXPECT_FALSE(encrypted.take(packet(type, 20))) << int{type};
    }
}

TEST(OutgoingFilter, StopsPlainTextBehindAllowedBytes) {
    OutgoingFilter filter;
    EXPECT_FALSE(filter.take(joined({packet(prelogin, 20), packet(batch, 20)})));
    OutgoingFilter other;
    EXPECT_FALSE(other.take(joined({record(application, 20), packet(batch, 20)})));
}

TEST(OutgoingFilter, NoPreloginOnceEncrypted) {
    OutgoingFilter filter;
    EXPECT_TRUE(filter.take(record(application, 20)));
    EXPECT_FALSE(filter.take(packet(prelogin, 20)));
}

// A packet that claims to be shorter than its own header has no body to hide plain text in.
TEST(OutgoingFilter, ImpossibleLength) {
    OutgoingFilter filter;
    Bytes bytes = packet(prelogin, 0);
    bytes[2] = bytes[3] = std::byte{0};
    EXPECT_TRUE(filter.take(bytes));
    EXPECT_FALSE(filter.take(packet(batch, 4)));
}

}  // namespace
}  // namespace vitals::prober
