// A socket of the prober itself, for what FreeTDS is not asked to do: numeric addresses, never blocking, by a deadline.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "prober/deadline.h"

namespace vitals::prober {

class NetworkSocket {
  public:
    // Throws std::system_error; type is SOCK_STREAM or SOCK_DGRAM. `address` is numeric, and may have a zone.
    NetworkSocket(const std::string& address, std::uint16_t port, int type);
    NetworkSocket(const NetworkSocket&) = delete;
    NetworkSocket& operator=(const NetworkSocket&) = delete;
    ~NetworkSocket();

    // Each returns 0 or an errno: ETIMEDOUT after the deadline, EACCES where the target gate refuses. A datagram socket
    // hears of nobody but the address that it is connected to.
    int connect(const Deadline& deadline) const;
    int send(std::string_view bytes, const Deadline& deadline) const;
    // Waits for something to read; appends what there is, at most `most` bytes. 0 and nothing appended: the end.
    int receive(std::string& into, std::size_t most, const Deadline& deadline) const;

  private:
    [[nodiscard]] int wait(short events, const Deadline& deadline) const;

    sockaddr_storage address_{};
    socklen_t address_size_ = 0;
    int fd_ = -1;
};

}  // namespace vitals::prober
