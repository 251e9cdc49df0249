// Wait types of tasks that wait because there is nothing to do. They are left out of wait_time_ms.
#pragma once

#include <string_view>

namespace vitals::prober {

// True for the types that at least two of four widely used tools (Telegraf, Netdata, DBA Dash, PerformanceMonitor)
// leave out: a single idle task that is counted adds a minute of waiting to every minute. Also for CXCONSUMER, the half
// of a parallel query's waits that its maker calls harmless. Types that one tool alone leaves out are counted, for a
// wait too many can be explained and a hidden one cannot.
bool is_benign_wait(std::string_view wait_type) noexcept;

}  // namespace vitals::prober
