// Which addresses and ports a prober may connect to: the setting vitals.allowed_targets, and the narrower list of a
// tenant. Whoever may add servers could otherwise have the database's machine knock on doors that only it can reach.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace vitals::core {

// IPv6; an IPv4 address in its mapped form, so that each address has one form only.
struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};

    [[nodiscard]] bool is_ipv4() const noexcept;
    bool operator==(const IpAddress&) const = default;
};

IpAddress ipv4_address(const std::array<std::uint8_t, 4>& bytes) noexcept;
// Nothing for what is not a numeric address. No zone ("%eth0") and no brackets.
std::optional<IpAddress> parse_ip_address(std::string_view text);

// A list that breaks the grammar. what() names the item and the rule.
class TargetRulesError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// A list of items, separated by commas or blanks. An item is a network and may have a port or a range of ports:
// "10.0.0.0/8", "192.168.1.7:1433", "[fd00::/8]:1433-1434", or a word for networks: all, loopback, link_local,
// metadata. A target is allowed if one item covers it and no item that begins with "!" does. The order means nothing.
class TargetRules {
  public:
    // Throws TargetRulesError.
    static TargetRules parse(std::string_view text);

    [[nodiscard]] bool allows(const IpAddress& address, std::uint16_t port) const noexcept;

  private:
    struct Network {
        IpAddress address;
        unsigned prefix = 0;  // of 128 bits
    };
    struct Item {
        bool allow = true;
        std::vector<Network> networks;
        std::uint16_t first_port = 0;
        std::uint16_t last_port = 65535;
    };
    static Item parse_item(std::string_view text);
    static bool covers(const Network& network, const IpAddress& address) noexcept;

    std::vector<Item> items_;
};

// What no list can allow: the unspecified address, which means this machine, multicast and broadcast.
bool is_never_a_target(const IpAddress& address) noexcept;

constexpr std::size_t most_target_rules_text = 4096;  // bytes
// Everything but this machine, its links, and the addresses at which clouds give out credentials.
constexpr const char* default_target_rules = "all, !loopback, !link_local, !metadata";

}  // namespace vitals::core
