// The engine gives numbers, times, binary values and identifiers as text; TDS wants them in parts.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tds_server {

class ValueError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

__extension__ using Magnitude = unsigned __int128;

struct ScaledNumber {
    bool negative = false;
    Magnitude magnitude = 0;  // the number times 10^scale
};

struct Moment {
    std::int32_t days = 0;            // since 0001-01-01
    std::int64_t hundred_ns = 0;      // since midnight
    std::int32_t offset_minutes = 0;  // east of UTC
};

constexpr std::int64_t hundred_ns_per_second = 10'000'000;
constexpr std::int64_t hundred_ns_per_day = 86'400 * hundred_ns_per_second;
constexpr std::int32_t days_until_1900 = 693'595;

// All throw ValueError for a text that is not such a value.

// Rounds half up where the text has more digits than scale.
ScaledNumber parse_decimal(std::string_view text, int scale);
// "2026-03-02", "2026-03-02T10:00:00.1234567", "10:00:00", a blank instead of the T, and "Z" or "+01:00" at the end.
Moment parse_moment(std::string_view text);
// In the mixed byte order that SQL Server stores.
std::array<unsigned char, 16> parse_guid(std::string_view text);
// "0x0A0B"
std::string parse_hex(std::string_view text);

// "2026-03-02 10:00:00.1234567 +01:00", as SQL Server writes a datetimeoffset of that scale.
std::string format_moment(const Moment& moment, int scale);
std::string format_hex(std::string_view bytes);
std::string format_guid(std::string_view bytes);
std::string format_decimal(const ScaledNumber& number, int scale);

}  // namespace tds_server
