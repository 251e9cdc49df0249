// Waiting for the latch, the postmaster's death and a changing number of sockets at once: the only place where a
// collector ever waits.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

struct WaitEventSet;

namespace vitals::pg {

struct SocketInterest {
    int fd = -1;
    // Another one for each socket that is opened: descriptors get the numbers of those that were closed.
    std::uint64_t serial = 0;
    bool write = false;  // also wake up when it can be written

    bool operator==(const SocketInterest&) const = default;
};

struct SocketReady {
    std::size_t index = 0;  // of the interest
    bool readable = false;
    bool writable = false;
};

class WaitSet {
  public:
    WaitSet() = default;
    WaitSet(const WaitSet&) = delete;
    WaitSet& operator=(const WaitSet&) = delete;
    ~WaitSet();

    // Waits at most `most` for the latch or for one of the sockets, and resets the latch; interrupts are the caller's
    // to answer, before it looks for work. The caller must hold no transaction. Ends the process if the postmaster is
    // gone. Returns the sockets that are ready. Throws ServerError.
    std::vector<SocketReady> wait(const std::vector<SocketInterest>& sockets, std::chrono::milliseconds most);

  private:
    void watch(const std::vector<SocketInterest>& sockets);
    [[nodiscard]] bool has_same_sockets(const std::vector<SocketInterest>& sockets) const;

    WaitEventSet* set_ = nullptr;
    std::vector<SocketInterest> watched_;
};

}  // namespace vitals::pg
