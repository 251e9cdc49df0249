// Reads what a client sent. Every length is checked: clients under test are as likely to be wrong as anything else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

namespace tds_server {

class ProtocolError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

class ByteReader {
  public:
    explicit ByteReader(std::string_view bytes) noexcept : bytes_(bytes) {}

    std::uint8_t u8() { return static_cast<std::uint8_t>(low_bytes(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(low_bytes(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(low_bytes(4)); }
    std::uint64_t u64() { return low_bytes(8); }

    std::uint16_t u16_big() {
        const auto high = u8();
        return static_cast<std::uint16_t>((high << 8) | u8());
    }

    std::string_view raw(std::size_t count) {
        if (count > bytes_.size()) throw ProtocolError("a length points behind the end of the message");
        const std::string_view taken = bytes_.substr(0, count);
        bytes_.remove_prefix(count);
        return taken;
    }

    std::uint64_t low_bytes(std::size_t count) {
        std::uint64_t value = 0;
        const std::string_view taken = raw(count);
        for (std::size_t i = 0; i < count; ++i)
            value |= std::uint64_t{static_cast<unsigned char>(taken[i])} << (8 * i);
        return value;
    }

    std::size_t left() const noexcept { return bytes_.size(); }
    bool at_end() const noexcept { return bytes_.empty(); }

  private:
    std::string_view bytes_;
};

}  // namespace tds_server
