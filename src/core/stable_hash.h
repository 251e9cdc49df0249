// FNV-1a of texts and numbers, 64 bits. Must never change: phases of a fleet and cycles of groups come from it.
#pragma once

#include <cstdint>
#include <string_view>

namespace vitals::core {

class StableHash {
  public:
    constexpr void add(unsigned char byte) noexcept { value_ = (value_ ^ byte) * 1'099'511'628'211U; }
    constexpr void add(std::string_view text) noexcept {
        for (const char c : text)
            add(static_cast<unsigned char>(c));
    }
    [[nodiscard]] constexpr std::uint64_t value() const noexcept { return value_; }

  private:
    std::uint64_t value_ = 14'695'981'039'346'656'037U;
};

constexpr std::uint64_t stable_hash(std::string_view text) noexcept {
    StableHash hash;
    hash.add(text);
    return hash.value();
}

}  // namespace vitals::core
