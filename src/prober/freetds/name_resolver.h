// Host name to addresses with a deadline, which getaddrinfo() does not have.
#pragma once

#include <string>
#include <vector>

#include "prober/deadline.h"
#include "prober/freetds/left_behind.h"

namespace vitals::prober {

class NameResolver {
  public:
    // At most `max_lookups` lookups run at the same time, the abandoned ones included.
    explicit NameResolver(int max_lookups);

    // Numeric addresses of a name or of an address, in the order of preference of the system, at most 16. Throws
    // TdsFailure of class name_lookup: unknown name, no answer by the deadline, too many lookups pending.
    [[nodiscard]] std::vector<std::string> resolve(const std::string& host, const Deadline& deadline) const;

  private:
    LeftBehind lookups_;
};

}  // namespace vitals::prober
