#include "tds_server/text_encoding.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace tds_server {

namespace {

constexpr char32_t replacement = 0xFFFD;
constexpr char32_t first_surrogate = 0xD800;
constexpr char32_t first_low_surrogate = 0xDC00;
constexpr char32_t after_surrogates = 0xE000;
constexpr char32_t first_astral = 0x10000;
constexpr char32_t last_code_point = 0x10FFFF;

// Code page 1252 is Latin-1 but for 0x80..0x9F. The five unused codes map to themselves.
constexpr char32_t first_special = 0x80;
constexpr std::array<char32_t, 32> cp1252_special{{
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178,
}};

bool is_surrogate(char32_t code) {
    return code >= first_surrogate && code < after_surrogates;
}

std::size_t sequence_length(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead < 0xE0) return 2;
    if (lead >= 0xE0 && lead < 0xF0) return 3;
    if (lead >= 0xF0 && lead < 0xF5) return 4;
    return 0;
}

// Takes what is ASCII off the front: nearly always all of it.
std::string_view take_ascii(std::string_view& text) {
    const auto* end =
        std::find_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
    const std::string_view start(text.data(), static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(start.size());
    return start;
}

// Takes one code point off the front.
char32_t next_code_point(std::string_view& text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = sequence_length(lead);
    if (length == 0 || length > text.size()) {
        text.remove_prefix(1);
        return replacement;
    }
    char32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xC0) != 0x80) {
            text.remove_prefix(i);
            return replacement;
        }
        code = (code << 6) | (next & 0x3F);
    }
    text.remove_prefix(length);
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < first_astral);
    return overlong || is_surrogate(code) || code > last_code_point ? replacement : code;
}

void append_utf8(std::string& out, char32_t code) {
    if (code < 0x80) {
        out.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
        out.push_back(static_cast<char>(0xC0 | (code >> 6)));
        out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else if (code < first_astral) {
        out.push_back(static_cast<char>(0xE0 | (code >> 12)));
        out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
        out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else {
        out.push_back(static_cast<char>(0xF0 | (code >> 18)));
        out.push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3F)));
        out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
        out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    }
}

void append_unit(std::string& out, char32_t unit) {
    out.push_back(static_cast<char>(unit & 0xFF));
    out.push_back(static_cast<char>((unit >> 8) & 0xFF));
}

char32_t unit_at(std::string_view bytes, std::size_t index) {
    const auto low = static_cast<unsigned char>(bytes[index]);
    const auto high = static_cast<unsigned char>(bytes[index + 1]);
    return static_cast<char32_t>(low | (high << 8));
}

}  // namespace

std::string utf8_to_utf16le(std::string_view text) {
    const std::string_view start = take_ascii(text);
    std::string out(start.size() * 2, '\0');
    for (std::size_t i = 0; i < start.size(); ++i)
        out[2 * i] = start[i];
    out.reserve(out.size() + text.size() * 2);
    while (!text.empty()) {
        const char32_t code = next_code_point(text);
        if (code < first_astral) {
            append_unit(out, code);
        } else {
            append_unit(out, first_surrogate + ((code - first_astral) >> 10));
            append_unit(out, first_low_surrogate + ((code - first_astral) & 0x3FF));
        }
    }
    return out;
}

std::string utf16le_to_utf8(std::string_view bytes) {
    std::string out;
    // Statements are ASCII, nearly all of them.
    constexpr char32_t first_not_ascii = 0x80;
    std::size_t start = 0;
    out.resize(bytes.size() / 2);
    for (; start + 1 < bytes.size() && unit_at(bytes, start) < first_not_ascii; start += 2)
        out[start / 2] = bytes[start];
    out.resize(start / 2);
    for (std::size_t i = start; i + 1 < bytes.size(); i += 2) {
        char32_t code = unit_at(bytes, i);
        if (is_surrogate(code)) {
            const bool has_low = code < first_low_surrogate && i + 3 < bytes.size() &&
                                 unit_at(bytes, i + 2) >= first_low_surrogate && is_surrogate(unit_at(bytes, i + 2));
            if (has_low) {
                const char32_t low = unit_at(bytes, i + 2) - first_low_surrogate;
                code = first_astral + ((code - first_surrogate) << 10) + low;
                i += 2;
            } else {
                code = replacement;
            }
        }
        append_utf8(out, code);
    }
    return out;
}

std::string utf8_to_cp1252(std::string_view text) {
    std::string out(take_ascii(text));
    out.reserve(out.size() + text.size());
    while (!text.empty()) {
        const char32_t code = next_code_point(text);
        const auto* special = std::find(cp1252_special.begin(), cp1252_special.end(), code);
        if (special != cp1252_special.end())
            out.push_back(static_cast<char>(first_special + static_cast<char32_t>(special - cp1252_special.begin())));
        else
            out.push_back(code <= 0xFF ? static_cast<char>(code) : '?');
    }
    return out;
}

std::string cp1252_to_utf8(std::string_view bytes) {
    std::string out;
    for (const char byte : bytes) {
        const char32_t code = static_cast<unsigned char>(byte);
        const bool special = code >= first_special && code < first_special + cp1252_special.size();
        append_utf8(out, special ? cp1252_special.at(code - first_special) : code);
    }
    return out;
}

}  // namespace tds_server
