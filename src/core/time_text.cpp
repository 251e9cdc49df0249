#include "core/time_text.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace vitals::core {

std::string utc_text(std::chrono::system_clock::time_point at) {
    const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch()).count();
    const std::time_t seconds = milliseconds / 1000;
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::array<char, 64> text{};
    const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &utc);
    std::snprintf(text.data() + length, text.size() - length, ".%03d+00", static_cast<int>(milliseconds % 1000));
    return text.data();
}

std::string WallClock::text_of(std::chrono::steady_clock::time_point at) const {
    return utc_text(wall_ + std::chrono::duration_cast<std::chrono::system_clock::duration>(at - now_));
}

}  // namespace vitals::core
