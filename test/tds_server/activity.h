// How busy a simulated server is over time. Servers with different seeds differ, and each changes slowly.
#pragma once

#include <cstdint>

namespace tds_server {

// Time is counted in intervals between the two recorded polls.
class Activity {
  public:
    // Seed 0: always exactly as busy as the recorded server.
    explicit Activity(std::uint32_t seed);

    // What counters have grown by since the start, in units of the recorded difference. Never decreases.
    double work(double time) const;
    // The derivative of work().
    double pace(double time) const;
    // Between 0 (as in the first poll) and 1 (as in the second), for values that go up and down.
    double swing(double time) const;

  private:
    double factor_ = 1;
    double depth_ = 0;  // how far the pace swings, as a part of it
    double phase_ = 0;
};

}  // namespace tds_server
