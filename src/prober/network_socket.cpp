#include "prober/network_socket.h"

#include <netdb.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <system_error>

namespace vitals::prober {

NetworkSocket::NetworkSocket(const std::string& address, std::uint16_t port, int type) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = type;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    if (getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &list) != 0)
        throw std::system_error(EINVAL, std::generic_category(), "not a numeric address");
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
    address_size_ = std::min<socklen_t>(list->ai_addrlen, sizeof(address_));
    std::memcpy(&address_, list->ai_addr, address_size_);
    fd_ = socket(list->ai_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "cannot make a socket");
}

NetworkSocket::~NetworkSocket() {
    close(fd_);
}

int NetworkSocket::wait(short events, const Deadline& deadline) const {
    while (true) {
        pollfd entry{fd_, events, 0};
        const auto left = std::min<std::int64_t>(deadline.remaining().count(), INT_MAX);
        const int ready = poll(&entry, 1, static_cast<int>(left));
        if (ready > 0) return 0;
        if (ready == 0) return ETIMEDOUT;
        if (errno != EINTR) return errno;
    }
}

int NetworkSocket::connect(const Deadline& deadline) const {
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address_), address_size_) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    if (const int error = wait(POLLOUT, deadline); error != 0) return error;
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
}

int NetworkSocket::send(std::string_view bytes, const Deadline& deadline) const {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return errno;
        if (const int error = wait(POLLOUT, deadline); error != 0) return error;
    }
    return 0;
}

int NetworkSocket::receive(std::string& into, std::size_t most, const Deadline& deadline) const {
    const std::size_t before = into.size();
    into.resize(before + most);
    int error = 0;
    ssize_t received = -1;
    while (received < 0 && error == 0) {
        error = wait(POLLIN, deadline);
        if (error == 0) received = ::recv(fd_, into.data() + before, most, 0);
        if (error == 0 && received < 0 && errno != EAGAIN && errno != EINTR) error = errno;
    }
    into.resize(before + static_cast<std::size_t>(std::max<ssize_t>(received, 0)));
    return error;
}

}  // namespace vitals::prober
