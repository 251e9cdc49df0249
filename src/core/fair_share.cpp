#include "core/fair_share.h"

#include <algorithm>
#include <tuple>

namespace vitals::core {

std::size_t FairShare::most_of_one(std::size_t concurrency, std::size_t tenants) noexcept {
    if (tenants < 2) return concurrency;
    const std::size_t left = std::max<std::size_t>(concurrency / 10, 1);
    return std::max<std::size_t>(concurrency - std::min(left, concurrency), 1);
}

bool FairShare::later(const Waiting& a, const Waiting& b) noexcept {
    return std::tie(a.candidate.in_flight, a.served, a.candidate.tenant) >
           std::tie(b.candidate.in_flight, b.served, b.candidate.tenant);
}

void FairShare::begin(const std::vector<Candidate>& candidates) {
    heap_.clear();
    heap_.reserve(candidates.size());
    for (const Candidate& candidate : candidates) {
        const auto served = served_.find(candidate.tenant);
        heap_.push_back({candidate, served == served_.end() ? 0 : served->second});
    }
    std::make_heap(heap_.begin(), heap_.end(), later);
}

std::optional<int> FairShare::next() {
    if (heap_.empty()) return std::nullopt;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    return heap_.back().candidate.tenant;
}

void FairShare::started() {
    Waiting& turn = heap_.back();
    ++turn.candidate.in_flight;
    turn.served = served_[turn.candidate.tenant] = ++turns_;
    std::push_heap(heap_.begin(), heap_.end(), later);
}

void FairShare::nothing_left() {
    heap_.pop_back();
}

}  // namespace vitals::core
