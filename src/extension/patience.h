// How long a tenant whose schema is slow or broken is left alone, so that the others have their time.
#pragma once

#include <algorithm>
#include <chrono>

namespace vitals::ext {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

// A tenant whose schema fails is tried again after this, and after so many times as long as the failure took: however
// slowly it fails, it costs the others at most a twentieth of the time. One that works, but not in the time that an
// honest schema needs, waits for what it took beyond that.
constexpr std::chrono::seconds least_retry{5};
constexpr int retry_factor = 20;
constexpr std::chrono::milliseconds slow_work{250};

inline Time retry_of_failure(Time started) {
    const Time now = Clock::now();
    return now + std::max<Clock::duration>(least_retry, (now - started) * retry_factor);
}

// expected: what an honest schema may need for the work.
inline Time next_after_success(Time started, std::chrono::microseconds expected = slow_work) {
    const Time now = Clock::now();
    return now + std::max<Clock::duration>(now - started - expected, Clock::duration::zero()) * retry_factor;
}

}  // namespace vitals::ext
