#include "tds_server/activity.h"

#include <cmath>
#include <numbers>
#include <random>

namespace tds_server {

namespace {

// A quarter of an hour with the recorded interval of a minute.
constexpr double period = 15;
constexpr double radians = 2 * std::numbers::pi / period;
// With the recorded 42 % of the processors the busiest server stays below 85 %.
constexpr double least_factor = 0.5;
constexpr double greatest_factor = 1.5;
constexpr double seeded_depth = 0.35;

}  // namespace

Activity::Activity(std::uint32_t seed) {
    if (seed == 0) return;
    std::minstd_rand random(seed);
    random.discard(3);  // neighbouring seeds begin alike
    factor_ = std::uniform_real_distribution<double>(least_factor, greatest_factor)(random);
    phase_ = std::uniform_real_distribution<double>(0, 2 * std::numbers::pi)(random);
    depth_ = seeded_depth;
}

double Activity::work(double time) const {
    return factor_ * (time + depth_ / radians * (std::sin(radians * time + phase_) - std::sin(phase_)));
}

double Activity::pace(double time) const {
    return factor_ * (1 + depth_ * std::cos(radians * time + phase_));
}

double Activity::swing(double time) const {
    return 0.5 - 0.5 * std::cos(radians * time + phase_);
}

}  // namespace tds_server
