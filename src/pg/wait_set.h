// Waiting for the latch, the postmaster's death and a changing number of sockets at once: the only place where a
// collector ever waits.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace vitals::pg {

struct SocketInterest {
    int fd = -1;
    bool write = false;  // also wake up when it can be written
};

struct SocketReady {
    std::size_t index = 0;  // of the interest
    bool readable = false;
    bool writable = false;
};

// Waits at most `most` for the latch or for one of the sockets, and resets the latch; interrupts are the caller's to
// answer, before it looks for work. The caller must hold no transaction. Ends the process if the postmaster is gone.
// Returns the sockets that are ready. Throws ServerError.
std::vector<SocketReady> wait_for(const std::vector<SocketInterest>& sockets, std::chrono::milliseconds most);

}  // namespace vitals::pg
