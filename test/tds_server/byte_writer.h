// Builds what goes on the wire: TDS is little-endian, its packet headers and PRELOGIN are big-endian.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tds_server {

class ByteWriter {
  public:
    template <typename Integer>
    void put(Integer value) {
        static_assert(std::is_integral_v<Integer>);
        put_low_bytes(static_cast<std::uint64_t>(value), sizeof(Integer));
    }

    void u8(std::uint64_t value) { put_low_bytes(value, 1); }
    void u16(std::uint64_t value) { put_low_bytes(value, 2); }
    void u32(std::uint64_t value) { put_low_bytes(value, 4); }
    void u64(std::uint64_t value) { put_low_bytes(value, 8); }

    void u16_big(std::uint64_t value) { put_high_bytes(value, 2); }
    void u32_big(std::uint64_t value) { put_high_bytes(value, 4); }

    void put_low_bytes(std::uint64_t value, std::size_t count) {
        std::array<char, sizeof(value)> bytes{};
        for (std::size_t i = 0; i < bytes.size(); ++i)
            bytes[i] = static_cast<char>((value >> (8 * i)) & 0xFF);
        bytes_.append(bytes.data(), count);
    }

    void raw(std::string_view bytes) { bytes_.append(bytes); }
    void fill(std::size_t count, char value) { bytes_.append(count, value); }

    std::size_t size() const noexcept { return bytes_.size(); }
    // Takes back what was written after that size.
    void cut(std::size_t size) { bytes_.resize(size); }
    std::string take() noexcept { return std::exchange(bytes_, {}); }

  private:
    void put_high_bytes(std::uint64_t value, std::size_t count) {
        for (std::size_t i = count; i-- > 0;)
            bytes_.push_back(static_cast<char>((value >> (8 * i)) & 0xFF));
    }

    std::string bytes_;
};

}  // namespace tds_server
