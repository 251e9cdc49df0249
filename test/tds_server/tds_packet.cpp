#include "tds_server/tds_packet.h"

#include <utility>

#include "tds_server/byte_reader.h"
#include "tds_server/byte_writer.h"

namespace tds_server {

namespace {

constexpr std::uint8_t status_last = 0x01;
// A client has no reason to send more to a test server.
constexpr std::size_t greatest_message = std::size_t{16} << 20;

}  // namespace

std::optional<ClientMessage> PacketReader::next() {
    while (bytes_.size() >= packet_header_size) {
        ByteReader reader(bytes_);
        const auto type = static_cast<PacketType>(reader.u8());
        const std::uint8_t status = reader.u8();
        const std::size_t length = reader.u16_big();
        if (length < packet_header_size) throw ProtocolError("a packet is shorter than its header");
        if (bytes_.size() < length) return std::nullopt;
        const std::string_view payload =
            std::string_view(bytes_).substr(packet_header_size, length - packet_header_size);
        // An attention may come between the packets of another message, and ends it.
        if (type == PacketType::attention) payload_.clear();
        if (payload_.size() + payload.size() > greatest_message) throw ProtocolError("the message is too long");
        payload_.append(payload);
        bytes_.erase(0, length);
        if ((status & status_last) != 0) return ClientMessage{type, std::exchange(payload_, {})};
    }
    return std::nullopt;
}

std::string PacketReader::take_rest() {
    return std::exchange(bytes_, {});
}

std::string PacketWriter::append(std::string_view payload) {
    pending_.append(payload);
    const std::size_t room = packet_size_ - packet_header_size;
    std::string packets;
    std::size_t done = 0;
    // The last packet stays back: only finish() knows that it is the last.
    while (pending_.size() - done > room) {
        packets += packet(std::string_view(pending_).substr(done, room), false);
        done += room;
    }
    pending_.erase(0, done);
    return packets;
}

std::string PacketWriter::finish() {
    std::string last = packet(pending_, true);
    pending_.clear();
    return last;
}

std::string PacketWriter::packet(std::string_view payload, bool last) {
    ByteWriter writer;
    writer.u8(static_cast<std::uint8_t>(type_));
    writer.u8(last ? status_last : 0);
    writer.u16_big(packet_header_size + payload.size());
    writer.u16_big(spid_);
    writer.u8(number_++);
    writer.u8(0);
    writer.raw(payload);
    return writer.take();
}

std::string message_packets(PacketType type, std::string_view payload, std::size_t packet_size, std::uint16_t spid) {
    PacketWriter writer(type, packet_size, spid);
    std::string packets = writer.append(payload);
    return packets += writer.finish();
}

}  // namespace tds_server
