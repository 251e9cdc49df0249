// Where a named instance listens: asks the SQL Server Browser of its host (UDP 1434), since FreeTDS waits 16 seconds
// for one that does not answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "prober/deadline.h"

namespace vitals::prober {

constexpr std::uint16_t mssql_browser_port = 1434;

class MssqlBrowser {
  public:
    // The port of an instance at one of the addresses, which are numeric. Remembered for a few minutes. Throws
    // TdsFailure: not_allowed, timeout when nobody answers, unreachable when nobody answers well.
    std::uint16_t port_of(const std::string& host, const std::vector<std::string>& addresses,
                          const std::string& instance, const Deadline& deadline);
    // The port was no good: an instance gets another one when it is started.
    void forget(const std::string& host, const std::string& instance);

  private:
    using Key = std::pair<std::string, std::string>;  // host, instance
    struct Entry {
        std::uint16_t port = 0;
        Deadline::Clock::time_point until;
    };

    std::mutex mutex_;
    std::map<Key, Entry> entries_;
};

}  // namespace vitals::prober
