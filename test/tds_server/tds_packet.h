// TDS packets: a message is a run of packets of which the last has the end bit. Both directions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tds_server {

enum class PacketType : std::uint8_t {
    sql_batch = 0x01,
    rpc = 0x03,
    reply = 0x04,
    attention = 0x06,
    transaction = 0x0E,
    login7 = 0x10,
    sspi = 0x11,
    prelogin = 0x12
};

constexpr std::size_t packet_header_size = 8;
constexpr std::size_t default_packet_size = 4096;
constexpr std::size_t least_packet_size = 512;
constexpr std::size_t greatest_packet_size = 32767;

struct ClientMessage {
    PacketType type = PacketType::sql_batch;
    std::string payload;
};

// Gathers the messages of a client from bytes that come in any portions.
class PacketReader {
  public:
    void feed(std::string_view bytes) { bytes_.append(bytes); }
    // Throws ProtocolError for what cannot be TDS.
    std::optional<ClientMessage> next();
    // What was fed and not read: TLS begins in the middle of the stream.
    std::string take_rest();

  private:
    std::string bytes_;
    std::string payload_;
};

// Cuts one message into packets. The stream may be longer than memory.
class PacketWriter {
  public:
    PacketWriter(PacketType type, std::size_t packet_size, std::uint16_t spid) noexcept
        : type_(type), packet_size_(packet_size), spid_(spid) {}

    // The packets that are complete now.
    std::string append(std::string_view payload);
    std::string finish();

  private:
    std::string packet(std::string_view payload, bool last);

    PacketType type_;
    std::size_t packet_size_;
    std::uint16_t spid_;
    std::uint8_t number_ = 1;
    std::string pending_;
};

std::string message_packets(PacketType type, std::string_view payload, std::size_t packet_size, std::uint16_t spid);

}  // namespace tds_server
