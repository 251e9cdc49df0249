// SQL Server's date texts as numbers, so that clocks can be moved and compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tds_server {

constexpr std::int64_t ticks_per_ms = 10'000;

// In units of 100 ns since 1970, the finest step of datetime2. Understands "2026-03-02", "20260302" and both with a
// time behind a blank or a T; an ending Z is allowed.
std::optional<std::int64_t> parse_timestamp(std::string_view text);

// "2026-03-02T10:00:00.000", with so many digits of a second (0 to 7).
std::string format_timestamp(std::int64_t ticks, int digits);

}  // namespace tds_server
