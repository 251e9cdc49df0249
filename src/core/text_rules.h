// What every text from outside is looked at for.
#pragma once

#include <cstddef>
#include <string_view>

namespace vitals::core {

constexpr bool is_control(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20U || c == 0x7F;
}

// Bytes of the character of UTF-8 that the text begins with; 0 where there is none.
constexpr std::size_t character_size(std::string_view text) noexcept {
    const auto at = [&](std::size_t place) {
        return place < text.size() ? static_cast<unsigned char>(text[place]) : 0U;
    };
    const auto follows = [&](std::size_t place) { return (at(place) & 0xC0U) == 0x80U; };
    const unsigned first = at(0);
    if (first < 0x80U) return text.empty() ? 0 : 1;
    if (first >= 0xC2U && first <= 0xDFU) return follows(1) ? 2 : 0;
    if (first >= 0xE0U && first <= 0xEFU) {
        const bool overlong = first == 0xE0U && at(1) < 0xA0U;
        const bool surrogate = first == 0xEDU && at(1) >= 0xA0U;
        return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (first >= 0xF0U && first <= 0xF4U) {
        const bool overlong = first == 0xF0U && at(1) < 0x90U;
        const bool too_large = first == 0xF4U && at(1) >= 0x90U;
        return follows(1) && follows(2) && follows(3) && !overlong && !too_large ? 4 : 0;
    }
    return 0;
}

// How many bytes of UTF-8 can be kept of a text that is cut at `limit`: it ends where a character ends.
constexpr std::size_t cut_of(std::string_view text, std::size_t limit) noexcept {
    if (text.size() <= limit) return text.size();
    std::size_t cut = limit;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U)
        --cut;
    return cut;
}

}  // namespace vitals::core
