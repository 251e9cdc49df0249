// libc functions that libsybdb calls and that the prober defines itself. The dynamic linker binds libsybdb's references
// to the executable's definitions, because the executable comes first; this is the only way to give FreeTDS a real
// deadline, a configuration in memory and addresses that were resolved outside of it. Needs a dynamically linked
// libsybdb, and these symbols with default visibility in the executable.
//
// Outside a GuardScope every function passes the call on unchanged, but for connect(), which asks the TargetGate
// always.
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <memory>
#include <string_view>

#include "prober/freetds/connection_guard.h"
#include "prober/freetds/interposed.h"
#include "prober/target_gate.h"

namespace vitals::prober {

namespace {

std::span<const std::byte> bytes_of(const void* data, std::size_t size) {
    return {static_cast<const std::byte*>(data), size};
}

// What FreeTDS would read of its own accord: the machine's and the user's configuration must not reach our connections.
bool is_configuration_of_others(std::string_view path) {
    return path.ends_with("freetds.conf") || path.ends_with("interfaces") || path.ends_with("locales.conf") ||
           path.ends_with(".interfaces");
}

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

int resolve_numeric(const ConnectSurroundings& surroundings, const char* service, const addrinfo* hints,
                    addrinfo** result) {
    static const auto real = next_definition<decltype(getaddrinfo)>("getaddrinfo");
    addrinfo numeric = hints != nullptr ? *hints : addrinfo{};
    numeric.ai_family = AF_UNSPEC;
    numeric.ai_socktype = SOCK_STREAM;
    numeric.ai_flags = AI_NUMERICHOST;
    AddressList list(nullptr, &freeaddrinfo);
    for (auto address = surroundings.addresses.rbegin(); address != surroundings.addresses.rend(); ++address) {
        addrinfo* one = nullptr;
        if (real(address->c_str(), service, &numeric, &one) != 0) continue;
        // glibc's freeaddrinfo() frees node by node, so lists may be joined.
        addrinfo* last = one;
        while (last->ai_next != nullptr)
            last = last->ai_next;
        last->ai_next = list.release();
        list.reset(one);
    }
    if (list == nullptr) return EAI_NONAME;
    *result = list.release();
    return 0;
}

int wait_within_deadline(GuardScope& scope, pollfd* fds, nfds_t count, int timeout_ms) {
    static const auto real = next_definition<decltype(poll)>("poll");
    const auto left = scope.deadline().remaining().count();
    const bool capped = timeout_ms < 0 || left < timeout_ms;
    const int ready = real(fds, count, capped ? static_cast<int>(std::min<std::int64_t>(left, INT_MAX)) : timeout_ms);
    if (ready > 0) scope.guard().socket.polled({fds, count});
    if (ready != 0 || !capped || !scope.cut_off()) return ready;
    errno = ETIMEDOUT;
    return -1;
}

ssize_t receive(GuardScope& scope, int fd, std::span<std::byte> to, int flags) {
    static const auto real = next_definition<decltype(recv)>("recv");
    const ssize_t received = real(fd, to.data(), to.size(), flags);
    if (received > 0) scope.received(to.first(static_cast<std::size_t>(received)));
    return received;
}

// More than FreeTDS asks for now, if it is there.
ssize_t read_ahead(GuardScope& scope, int fd, std::span<std::byte> to, int flags) {
    SocketShortcuts& socket = scope.guard().socket;
    if (!socket.has_bytes()) {
        const std::span<std::byte> room = socket.room();
        if (room.size() <= to.size()) return receive(scope, fd, to, flags);
        const ssize_t received = receive(scope, fd, room, flags);
        if (received <= 0) return received;
        socket.arrived(static_cast<std::size_t>(received));
    }
    return static_cast<ssize_t>(socket.take(to));
}

}  // namespace

// The asm labels give the functions their libc names without clashing with the inline definitions of fortified headers.
extern "C" {
[[gnu::visibility("default")]] int vitals_poll(pollfd* fds, nfds_t count, int timeout_ms) __asm__("poll");
[[gnu::visibility("default")]] ssize_t vitals_send(int fd, const void* data, size_t size, int flags) __asm__("send");
[[gnu::visibility("default")]] ssize_t vitals_recv(int fd, void* data, size_t size, int flags) __asm__("recv");
[[gnu::visibility("default")]] int vitals_setsockopt(int fd, int level, int name, const void* value,
                                                     socklen_t size) __asm__("setsockopt");
[[gnu::visibility("default")]] int vitals_getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                                                      addrinfo** result) __asm__("getaddrinfo");
[[gnu::visibility("default")]] int vitals_connect(int fd, const sockaddr* address, socklen_t size) __asm__("connect");
[[gnu::visibility("default")]] int vitals_ioctl(int fd, unsigned long request, void* argument) __asm__("ioctl");
[[gnu::visibility("default")]] FILE* vitals_fopen(const char* path, const char* mode) __asm__("fopen");

int vitals_poll(pollfd* fds, nfds_t count, int timeout_ms) {
    static const auto real = next_definition<decltype(poll)>("poll");
    GuardScope* scope = GuardScope::active();
    if (scope == nullptr) return real(fds, count, timeout_ms);
    if (scope->cut_off()) {
        errno = ETIMEDOUT;
        return -1;
    }
    if (scope->guard().socket.answers({fds, count})) return 1;
    return wait_within_deadline(*scope, fds, count, timeout_ms);
}

ssize_t vitals_send(int fd, const void* data, size_t size, int flags) {
    static const auto real = next_definition<decltype(send)>("send");
    GuardScope* scope = GuardScope::active();
    if (scope == nullptr) return real(fd, data, size, flags);
    if (!scope->guard().may_send(bytes_of(data, size))) {
        errno = EPROTO;
        return -1;
    }
    const ssize_t sent = real(fd, data, size, flags | MSG_NOSIGNAL);
    scope->guard().socket.wrote(fd, size, sent);
    if (sent > 0) scope->guard().was_sent(bytes_of(data, static_cast<std::size_t>(sent)));
    return sent;
}

ssize_t vitals_recv(int fd, void* data, size_t size, int flags) {
    static const auto real = next_definition<decltype(recv)>("recv");
    GuardScope* scope = GuardScope::active();
    if (scope == nullptr) return real(fd, data, size, flags);
    if (scope->cut_off()) {
        errno = ETIMEDOUT;
        return -1;
    }
    const std::span<std::byte> to(static_cast<std::byte*>(data), size);
    if (scope->guard().socket.reads_ahead(fd, flags)) return read_ahead(*scope, fd, to, flags);
    return receive(*scope, fd, to, flags);
}

int vitals_setsockopt(int fd, int level, int name, const void* value, socklen_t size) {
    static const auto real = next_definition<decltype(setsockopt)>("setsockopt");
    GuardScope* scope = level == IPPROTO_TCP ? GuardScope::active() : nullptr;
    if (scope == nullptr) return real(fd, level, name, value, size);
    SocketShortcuts& socket = scope->guard().socket;
    if (name == TCP_CORK && socket.is_ours(fd)) return 0;
    if (name == TCP_NODELAY) socket.opened(fd);
    return real(fd, level, name, value, size);
}

// FreeTDS resolves the name that stands in its configuration, and the one of another server that the first one sends it
// to while logging in: that one would get the addresses of the first.
int vitals_getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
    static const auto real = next_definition<decltype(getaddrinfo)>("getaddrinfo");
    GuardScope* scope = GuardScope::active();
    if (scope == nullptr) return real(node, service, hints, result);
    const ConnectSurroundings& surroundings = scope->guard().surroundings();
    if (node != nullptr && node != surroundings.name) {
        scope->guard().seen.redirected_to = node;
        return EAI_NONAME;
    }
    return resolve_numeric(surroundings, service, hints, result);
}

int vitals_connect(int fd, const sockaddr* address, socklen_t size) {
    static const auto real = next_definition<decltype(connect)>("connect");
    if (TargetGate::judge(address, size) != GateVerdict::allowed) {
        if (GuardScope* scope = GuardScope::active()) scope->guard().seen.not_allowed = true;
        errno = EACCES;
        return -1;
    }
    return real(fd, address, size);
}

// FreeTDS puts the address of a network card into the login, which is nobody's business. Where the sandbox refuses to
// list the interfaces, it would read an uninitialised list: so it is told that there are none.
int vitals_ioctl(int fd, unsigned long request, void* argument) {
    static const auto real = next_definition<int(int, unsigned long, void*)>("ioctl");
    if (GuardScope::active() == nullptr || request != SIOCGIFCONF) return real(fd, request, argument);
    static_cast<ifconf*>(argument)->ifc_len = 0;
    return 0;
}

FILE* vitals_fopen(const char* path, const char* mode) {
    static const auto real = next_definition<decltype(fopen)>("fopen");
    GuardScope* scope = GuardScope::active();
    if (scope == nullptr) return real(path, mode);
    const std::string_view wanted(path);
    if (wanted == connection_configuration_path) {
        const std::string& text = scope->guard().surroundings().configuration;
        // Opened for reading only, so the text is not changed.
        return fmemopen(const_cast<char*>(text.data()), text.size(), "r");
    }
    if (is_configuration_of_others(wanted)) {
        errno = ENOENT;
        return nullptr;
    }
    return real(path, mode);
}
}

}  // namespace vitals::prober
