// Points in time as text that PostgreSQL's timestamptz reads.
#pragma once

#include <chrono>
#include <string>

namespace vitals::core {

// UTC with milliseconds, for example "2026-03-02 10:00:00.123+00".
std::string utc_text(std::chrono::system_clock::time_point at);

}  // namespace vitals::core
