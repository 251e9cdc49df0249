#include "tds_server/tds_packet.h"

#include <gtest/gtest.h>

#include "tds_server/byte_reader.h"
#include "tds_server/tests/hex.h"

namespace tds_server {
namespace {

TEST(PacketReader, JoinsThePacketsOfAMessage) {
    PacketReader reader;
    reader.feed(from_hex("01 00 000A 0000 01 00 4142"));
    EXPECT_FALSE(reader.next());
    reader.feed(from_hex("01 01 0009 0000 02 00 43 FFFF"));
    const auto message = reader.next();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->type, PacketType::sql_batch);
    EXPECT_EQ(message->payload, "ABC");
    EXPECT_EQ(reader.take_rest(), from_hex("FFFF"));
}

TEST(PacketReader, TakesBytesOneByOne) {
    PacketReader reader;
    const std::string bytes = from_hex("12 01 0009 0000 01 00 58");
    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
        reader.feed(bytes.substr(i, 1));
        EXPECT_FALSE(reader.next());
    }
    reader.feed(bytes.substr(bytes.size() - 1));
    EXPECT_EQ(reader.next()->payload, "X");
}

TEST(PacketReader, AttentionEndsAMessageUnderWay) {
    PacketReader reader;
    reader.feed(from_hex("01 00 0009 0000 01 00 41  06 01 0008 0000 01 00  01 01 0009 0000 01 00 42"));
    EXPECT_EQ(reader.next()->type, PacketType::attention);
    EXPECT_EQ(reader.next()->payload, "B");
}

TEST(PacketReader, RefusesAPacketShorterThanItsHeader) {
    PacketReader reader;
    reader.feed(from_hex("01 01 0007 0000 01 00"));
    EXPECT_THROW(reader.next(), ProtocolError);
}

TEST(PacketReader, RefusesAnEndlessMessage) {
    PacketReader reader;
    const std::string packet = from_hex("01 00 7FFF 0000 01 00") + std::string(0x7FFF - packet_header_size, 'x');
    EXPECT_THROW(
        {
            for (int i = 0; i < 1000; ++i) {
                reader.feed(packet);
                reader.next();
            }
        },
        ProtocolError);
}

TEST(PacketWriter, CutsAtThePacketSizeAndNumbersThePackets) {
    PacketWriter writer(PacketType::reply, 12, 0x0133);
    EXPECT_EQ(to_hex(writer.append("abcdefghi")),
              without_blanks("04 00 000C 0133 01 00 61626364  04 00 000C 0133 02 00 65666768"));
    EXPECT_EQ(to_hex(writer.finish()), without_blanks("04 01 0009 0133 03 00 69"));
}

TEST(PacketWriter, AFullLastPacketHasTheEndBit) {
    EXPECT_EQ(to_hex(message_packets(PacketType::reply, "abcd", 12, 0)),
              without_blanks("04 01 000C 0000 01 00 61626364"));
    EXPECT_EQ(to_hex(message_packets(PacketType::reply, "", 12, 0)), without_blanks("04 01 0008 0000 01 00"));
}

}  // namespace
}  // namespace tds_server
