// Wait types of tasks that wait because there is nothing to do. They are left out of wait_time_ms.
#pragma once

#include <string_view>

namespace vitals::prober {

// True for the 69 types that all four widely used tools compared (Telegraf, Netdata, DBA Dash, PerformanceMonitor)
// leave out; types on which they disagree are counted, for a wait too many can be explained and a hidden one cannot.
bool is_benign_wait(std::string_view wait_type) noexcept;

}  // namespace vitals::prober
