#include "prober/target_gate.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

#include "prober/freetds/tds_failure.h"

namespace vitals::prober {

namespace {

// connect() is called by libraries, which have no handle of ours.
constinit const TargetGate* gate_in_force = nullptr;

struct Endpoint {
    core::IpAddress address;
    std::uint16_t port = 0;
};

std::optional<Endpoint> endpoint_of(const sockaddr* address, socklen_t size) noexcept {
    Endpoint endpoint;
    if (address->sa_family == AF_INET && size >= static_cast<socklen_t>(sizeof(sockaddr_in))) {
        sockaddr_in ipv4{};
        std::memcpy(&ipv4, address, sizeof(ipv4));
        std::array<std::uint8_t, 4> bytes{};
        std::memcpy(bytes.data(), &ipv4.sin_addr, bytes.size());
        return Endpoint{core::ipv4_address(bytes), ntohs(ipv4.sin_port)};
    }
    if (address->sa_family == AF_INET6 && size >= static_cast<socklen_t>(sizeof(sockaddr_in6))) {
        sockaddr_in6 ipv6{};
        std::memcpy(&ipv6, address, sizeof(ipv6));
        std::memcpy(endpoint.address.bytes.data(), &ipv6.sin6_addr, endpoint.address.bytes.size());
        endpoint.port = ntohs(ipv6.sin6_port);
        return endpoint;
    }
    return std::nullopt;
}

// Closes with its scope.
class Datagram {
  public:
    explicit Datagram(int family) noexcept : fd_(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
    Datagram(const Datagram&) = delete;
    Datagram& operator=(const Datagram&) = delete;
    ~Datagram() {
        if (fd_ >= 0) close(fd_);
    }
    template <typename Address>
    [[nodiscard]] bool cannot_be_at(const Address& address) const noexcept {
        return bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 && errno == EADDRNOTAVAIL;
    }

  private:
    int fd_;
};

// Only addresses of this machine can be bound to. Asked of the kernel each time, since addresses come and go; whatever
// else goes wrong, the doubt is not the caller's.
bool is_of_this_machine(const core::IpAddress& address) noexcept {
    if (address.is_ipv4()) {
        sockaddr_in ipv4{};
        ipv4.sin_family = AF_INET;
        std::memcpy(&ipv4.sin_addr, address.bytes.data() + 12, sizeof(ipv4.sin_addr));
        return !Datagram(AF_INET).cannot_be_at(ipv4);
    }
    sockaddr_in6 ipv6{};
    ipv6.sin6_family = AF_INET6;
    std::memcpy(&ipv6.sin6_addr, address.bytes.data(), sizeof(ipv6.sin6_addr));
    return !Datagram(AF_INET6).cannot_be_at(ipv6);
}

// Without the zone of a link-local IPv6 address, which no rule knows.
std::optional<core::IpAddress> numeric(std::string_view text) {
    return core::parse_ip_address(text.substr(0, text.find('%')));
}

const char* reason_of(GateVerdict verdict) {
    return verdict == GateVerdict::own_server ? "it is the database server itself"
                                              : "vitals.allowed_targets or the tenant's list does not allow it";
}

}  // namespace

TargetGate::TargetGate(GateSettings settings) : settings_(std::move(settings)) {
    if (gate_in_force != nullptr) throw std::logic_error("a target gate is in force already");
    gate_in_force = this;
}

TargetGate::~TargetGate() {
    gate_in_force = nullptr;
}

GateVerdict TargetGate::judge(const core::IpAddress& address, std::uint16_t port) noexcept {
    return gate_in_force == nullptr ? GateVerdict::allowed : gate_in_force->decide(address, port);
}

GateVerdict TargetGate::judge(const sockaddr* address, socklen_t size) noexcept {
    if (gate_in_force == nullptr) return GateVerdict::allowed;
    const auto endpoint = endpoint_of(address, size);
    return endpoint ? gate_in_force->decide(endpoint->address, endpoint->port) : GateVerdict::allowed;
}

GateVerdict TargetGate::decide(const core::IpAddress& address, std::uint16_t port) const noexcept {
    const bool listed = std::all_of(settings_.rules.begin(), settings_.rules.end(),
                                    [&](const core::TargetRules& rules) { return rules.allows(address, port); });
    if (!listed || core::is_never_a_target(address)) return GateVerdict::forbidden;
    if (port == settings_.own_port && port != 0 && is_of_this_machine(address)) return GateVerdict::own_server;
    return GateVerdict::allowed;
}

std::vector<std::string> keep_allowed(const std::vector<std::string>& addresses, std::uint16_t port,
                                      std::string_view host) {
    std::vector<std::string> kept;
    GateVerdict refusal = GateVerdict::forbidden;
    for (const std::string& text : addresses) {
        const auto address = numeric(text);
        const auto verdict = address ? TargetGate::judge(*address, port) : GateVerdict::forbidden;
        if (verdict == GateVerdict::allowed) {
            kept.push_back(text);
        } else {
            refusal = verdict;
        }
    }
    if (!kept.empty() || addresses.empty()) return kept;
    const std::string target =
        addresses.front() == host ? std::string(host) : fmt::format("{} ({})", host, addresses.front());
    throw TdsFailure(core::ErrorClass::not_allowed,
                     fmt::format("{} port {} is not an allowed target: {}", target, port, reason_of(refusal)));
}

}  // namespace vitals::prober
