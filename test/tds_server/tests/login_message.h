// Builds the LOGIN7 message of a client.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tds_server/byte_writer.h"
#include "tds_server/text_encoding.h"

namespace tds_server {

struct LoginMessage {
    std::uint32_t version = 0x74000004;
    std::uint32_t packet_size = 8000;
    std::string user = "vitals";
    std::string password = "vitals";
    std::string application = "test";
    std::string database;
    std::string features;  // raw, with the terminator
};

inline std::string login_message(const LoginMessage& message) {
    constexpr std::size_t fixed_part = 94;
    const bool extended = !message.features.empty();
    std::string password = utf8_to_utf16le(message.password);
    for (char& c : password) {
        const auto byte = static_cast<unsigned char>(c);
        c = static_cast<char>((((byte << 4) | (byte >> 4)) & 0xFF) ^ 0xA5);
    }
    const std::size_t strings = fixed_part;
    const std::array<std::string, 5> texts{utf8_to_utf16le("host"), utf8_to_utf16le(message.user), password,
                                           utf8_to_utf16le(message.application), utf8_to_utf16le("server")};
    const std::string database = utf8_to_utf16le(message.database);

    ByteWriter body;
    ByteWriter data;
    const auto field = [&](const std::string& bytes) {
        body.u16(strings + data.size());
        body.u16(bytes.size() / 2);
        data.raw(bytes);
    };
    body.u32(message.version);
    body.u32(message.packet_size);
    body.fill(12, '\0');
    body.u8(0);
    body.u8(0);
    body.u8(0);
    body.u8(extended ? 0x10 : 0);
    body.fill(8, '\0');
    for (const std::string& text : texts)
        field(text);
    body.u16(strings + data.size());
    body.u16(extended ? 4 : 0);
    const std::size_t pointer = strings + data.size();
    if (extended) data.u32(pointer + 4 + database.size());
    field("");  // library
    field("");  // language
    field(database);
    body.fill(fixed_part - sizeof(std::uint32_t) - body.size(), '\0');
    data.raw(message.features);

    ByteWriter whole;
    whole.u32(fixed_part + data.size());
    whole.raw(body.take());
    whole.raw(data.take());
    return whole.take();
}

}  // namespace tds_server
