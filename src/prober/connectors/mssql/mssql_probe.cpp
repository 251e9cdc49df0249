#include "prober/connectors/mssql/mssql_probe.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>

#include "prober/connectors/mssql/mssql_errors.h"
#include "prober/connectors/mssql/prelogin.h"
#include "prober/freetds/tds_failure.h"

namespace vitals::prober {

namespace {

using core::ErrorClass;

// PRELOGIN ([MS-TDS] 2.2.6.5) with the two options that every version knows: VERSION, ENCRYPTION = off.
constexpr std::array<unsigned char, 26> prelogin_packet{
    0x12, 0x01, 0x00, 0x1A, 0x00, 0x00, 0x00, 0x00,                    // header, 26 bytes
    0x00, 0x00, 0x0B, 0x00, 0x06, 0x01, 0x00, 0x11, 0x00, 0x01, 0xFF,  // offsets
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,                          // version 0.0, no encryption
};
constexpr std::size_t header_size = 8;

class Socket {
  public:
    explicit Socket(int fd) : fd_(fd) {}
    ~Socket() {
        if (fd_ >= 0) close(fd_);
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    [[nodiscard]] int get() const noexcept { return fd_; }

  private:
    int fd_;
};

[[noreturn]] void fail(ErrorClass error_class, std::string message) {
    throw TdsFailure(error_class, std::move(message));
}

[[noreturn]] void fail_to_connect(int error, const MssqlOptions& options) {
    const std::string target = fmt::format("{} port {}", options.host, options.port);
    if (error == ECONNREFUSED) fail(ErrorClass::refused, fmt::format("nothing listens on {}", target));
    const ErrorClass error_class = error == ETIMEDOUT ? ErrorClass::timeout : ErrorClass::unreachable;
    fail(error_class, fmt::format("cannot connect to {}: {}", target, std::generic_category().message(error)));
}

void wait_for(int fd, short events, const Deadline& deadline, const char* what) {
    pollfd one{fd, events, 0};
    int ready = 0;
    do {
        ready = ::poll(&one, 1, static_cast<int>(deadline.remaining().count()));
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) fail(ErrorClass::timeout, fmt::format("the deadline passed {}", what));
}

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

AddressList numeric_address(const std::string& address, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    if (getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &list) != 0) list = nullptr;
    return {list, &freeaddrinfo};
}

// errno of the attempt, 0 when the connection stands.
int connect_to(const Socket& socket, const addrinfo& address, const Deadline& deadline) {
    if (socket.get() < 0) return errno;
    if (connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    wait_for(socket.get(), POLLOUT, deadline, "while connecting (TCP)");
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

void greet(const Socket& socket, const MssqlOptions& options, const Deadline& deadline) {
    if (send(socket.get(), prelogin_packet.data(), prelogin_packet.size(), MSG_NOSIGNAL) < 0)
        fail_to_connect(errno, options);
    std::array<char, 64> opening{};
    std::size_t size = 0;
    while (size < header_size) {
        wait_for(socket.get(), POLLIN, deadline, "after connecting: no answer to PRELOGIN");
        const ssize_t count = recv(socket.get(), opening.data() + size, opening.size() - size, MSG_DONTWAIT);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (count <= 0) fail(ErrorClass::connection_lost, "the server hung up on PRELOGIN");
        size += static_cast<std::size_t>(count);
        if (!looks_like_tds({opening.data(), size}))
            fail(ErrorClass::protocol,
                 fmt::format("not a SQL Server: it answers with \"{}\"",
                             clean_server_text({opening.data(), std::min<std::size_t>(size, 24)})));
    }
}

}  // namespace

void probe_mssql(MssqlShared& shared, const MssqlOptions& options, const Deadline& deadline) {
    int error = EHOSTUNREACH;
    for (const std::string& text : shared.resolver.resolve(options.host, deadline)) {
        const AddressList address = numeric_address(text, options.port);
        if (!address) continue;
        const Socket socket(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        error = connect_to(socket, *address, deadline);
        if (error != 0) continue;
        greet(socket, options, deadline);
        return;
    }
    fail_to_connect(error, options);
}

}  // namespace vitals::prober
