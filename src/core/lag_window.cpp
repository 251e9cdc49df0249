#include "core/lag_window.h"

#include <algorithm>

namespace vitals::core {

void LagWindow::add(std::chrono::duration<double, std::milli> lag, Time now) {
    if (lags_.size() < most_) {
        lags_.emplace_back(now, lag.count());
        return;
    }
    lags_.at(next_) = {now, lag.count()};
    next_ = (next_ + 1) % most_;
}

std::optional<LagWindow::Quantiles> LagWindow::quantiles(Time now) const {
    std::vector<double> lags;
    lags.reserve(lags_.size());
    for (const auto& [at, lag] : lags_) {
        if (at + span_ >= now) lags.push_back(lag);
    }
    if (lags.empty()) return std::nullopt;
    // The least value that at least so many percent do not exceed.
    const auto quantile = [&](std::size_t percent) {
        const auto place = lags.begin() + static_cast<std::ptrdiff_t>((lags.size() * percent + 99) / 100 - 1);
        std::nth_element(lags.begin(), place, lags.end());
        return *place;
    };
    return Quantiles{quantile(50), quantile(99)};
}

}  // namespace vitals::core
