#include "prober/connectors/mssql/prelogin.h"

#include <array>
#include <cstddef>

namespace vitals::prober {

namespace {

constexpr std::size_t packet_header = 8;
constexpr std::size_t option_size = 5;  // token, offset (2), length (2)
constexpr unsigned char tabular_result = 0x04;
constexpr unsigned char encryption_token = 0x01;
constexpr unsigned char terminator = 0xFF;

unsigned char byte_at(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

OfferedEncryption meaning(unsigned char code) {
    switch (code) {
        case 0x00:
            return OfferedEncryption::login_only;
        case 0x01:
            return OfferedEncryption::on;
        case 0x02:
            return OfferedEncryption::none;
        case 0x03:
            return OfferedEncryption::required;
        default:
            return OfferedEncryption::unknown;
    }
}

}  // namespace

std::string prelogin_question() {
    // Header: type 0x12, end of message, size. Options: VERSION (six bytes) and ENCRYPTION (off).
    constexpr std::array<unsigned char, 26> packet{0x12, 0x01, 0x00, 0x1A, 0x00, 0x00, 0x01, 0x00, 0x00,
                                                   0x00, 0x0B, 0x00, 0x06, 0x01, 0x00, 0x11, 0x00, 0x01,
                                                   0xFF, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
    static_assert(packet.size() == packet[3]);
    return {packet.begin(), packet.end()};
}

bool looks_like_tds(std::string_view opening) noexcept {
    return !opening.empty() && byte_at(opening, 0) == tabular_result;
}

OfferedEncryption offered_encryption(std::string_view opening) noexcept {
    if (!looks_like_tds(opening) || opening.size() < packet_header) return OfferedEncryption::unknown;
    const std::string_view body = opening.substr(packet_header);
    for (std::size_t at = 0; at + option_size <= body.size() && byte_at(body, at) != terminator; at += option_size) {
        if (byte_at(body, at) != encryption_token) continue;
        const std::size_t offset = (std::size_t{byte_at(body, at + 1)} << 8U) | byte_at(body, at + 2);
        return offset < body.size() ? meaning(byte_at(body, offset)) : OfferedEncryption::unknown;
    }
    return OfferedEncryption::unknown;
}

}  // namespace vitals::prober
