// Calls the lists of names of a prober's results by numbers, so that a list which the collector knows need not be sent.
#pragma once

#include <array>

#include "core/wire.h"

namespace vitals::core {

// A server that is watched chooses names of instances, and must not find those that have the number of others: numbers
// are a hash with a key that is the process's own (SipHash-2-4).
class SeriesNumbers {
  public:
    SeriesNumbers();
    // Gives the values of a result their number, and leaves their names out if the job says that they are known.
    void number(Result& result, const Job& job) const;

  private:
    std::array<unsigned char, 16> key_{};
};

}  // namespace vitals::core
