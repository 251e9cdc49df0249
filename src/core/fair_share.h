// Which tenant gets the next free place: the one with the fewest polls in flight, and among equals the one that was
// served longest ago. However many servers a tenant has and however slowly they answer, another one's few find a place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace vitals::core {

class FairShare {
  public:
    struct Candidate {
        int tenant = 0;
        std::size_t in_flight = 0;
    };

    // How many places one tenant may have. Where there are others, it leaves a tenth (at least one) to them: places
    // that slow servers hold come back one by one.
    static std::size_t most_of_one(std::size_t concurrency, std::size_t tenants) noexcept;

    // Begins a round with those that may have something to do.
    void begin(const std::vector<Candidate>& candidates);
    // Whose turn it is; nothing once no candidate is left.
    [[nodiscard]] std::optional<int> next();
    // What became of the turn of the tenant that next() returned: it started something, and may do so again, or has
    // nothing more to do in this round.
    void started();
    void nothing_left();
    // Forgets a tenant that is gone.
    void forget(int tenant) { served_.erase(tenant); }

  private:
    struct Waiting {
        Candidate candidate;
        std::uint64_t served = 0;
    };
    static bool later(const Waiting& a, const Waiting& b) noexcept;

    std::vector<Waiting> heap_;
    std::unordered_map<int, std::uint64_t> served_;  // number of the last turn
    std::uint64_t turns_ = 0;
};

}  // namespace vitals::core
