#include "core/target_rules.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace vitals::core {

namespace {

constexpr std::size_t most_items = 256;
constexpr unsigned ipv4_prefix = 96;
constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
// Networks whose last 32 bits are an IPv4 address that a translator reaches: NAT64 (RFC 6052), and the old compatible
// form.
constexpr std::array<std::uint8_t, 12> nat64{0, 0x64, 0xFF, 0x9B};
constexpr std::array<std::uint8_t, 12> compatible{};

constexpr std::string_view separators = ", \t\r\n";

template <typename Number>
std::optional<Number> number_of(std::string_view text, unsigned most, int base = 10) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (error != std::errc{} || end != text.data() + text.size() || number > most) return std::nullopt;
    return static_cast<Number>(number);
}

std::optional<std::array<std::uint8_t, 4>> parse_ipv4(std::string_view text) {
    std::array<std::uint8_t, 4> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::size_t dot = i + 1 < bytes.size() ? text.find('.') : text.size();
        if (dot == std::string_view::npos) return std::nullopt;
        const std::string_view part = text.substr(0, dot);
        // Some readers take a leading zero for octal: such a text has two meanings.
        if (part.size() > 1 && part.front() == '0') return std::nullopt;
        const auto byte = number_of<std::uint8_t>(part, 255);
        if (!byte) return std::nullopt;
        bytes.at(i) = *byte;
        text.remove_prefix(std::min(dot + 1, text.size()));
    }
    return bytes;
}

// The 16-bit groups of one side of "::"; the last may be an IPv4 address. Nothing where one is malformed.
std::optional<std::vector<std::uint16_t>> parse_groups(std::string_view text) {
    std::vector<std::uint16_t> groups;
    while (!text.empty()) {
        const std::size_t colon = std::min(text.find(':'), text.size());
        const std::string_view part = text.substr(0, colon);
        const bool last = colon == text.size();
        if (last && part.find('.') != std::string_view::npos) {
            const auto ipv4 = parse_ipv4(part);
            if (!ipv4) return std::nullopt;
            groups.push_back(static_cast<std::uint16_t>((*ipv4)[0] << 8U | (*ipv4)[1]));
            groups.push_back(static_cast<std::uint16_t>((*ipv4)[2] << 8U | (*ipv4)[3]));
            return groups;
        }
        const auto group = part.size() <= 4 ? number_of<std::uint16_t>(part, 0xFFFF, 16) : std::nullopt;
        if (!group) return std::nullopt;
        groups.push_back(*group);
        if (last) return groups;
        text.remove_prefix(colon + 1);
        // "1:" ends with nothing.
        if (text.empty()) return std::nullopt;
    }
    return groups;
}

std::optional<IpAddress> parse_ipv6(std::string_view text) {
    constexpr std::size_t group_count = 8;
    const std::size_t gap = text.find("::");
    const auto left = parse_groups(text.substr(0, gap));
    const auto right =
        gap == std::string_view::npos ? std::vector<std::uint16_t>{} : parse_groups(text.substr(gap + 2));
    if (!left || !right) return std::nullopt;
    const std::size_t given = left->size() + right->size();
    if (gap == std::string_view::npos ? given != group_count : given >= group_count) return std::nullopt;
    // An IPv4 address may only stand at the very end.
    if (gap != std::string_view::npos && text.substr(0, gap).find('.') != std::string_view::npos) return std::nullopt;
    std::array<std::uint16_t, group_count> groups{};
    std::copy(left->begin(), left->end(), groups.begin());
    std::copy(right->begin(), right->end(), groups.end() - static_cast<std::ptrdiff_t>(right->size()));
    IpAddress address;
    for (std::size_t i = 0; i < group_count; ++i) {
        address.bytes.at(2 * i) = static_cast<std::uint8_t>(groups.at(i) >> 8U);
        address.bytes.at(2 * i + 1) = static_cast<std::uint8_t>(groups.at(i) & 0xFFU);
    }
    return address;
}

bool begins_with(const IpAddress& address, const std::array<std::uint8_t, 12>& start) noexcept {
    return std::equal(start.begin(), start.end(), address.bytes.begin());
}

// The IPv4 address that a translator makes of it.
std::optional<IpAddress> embedded_ipv4(const IpAddress& address) noexcept {
    if (!begins_with(address, nat64) && !begins_with(address, compatible)) return std::nullopt;
    const auto& b = address.bytes;
    // :: and ::1 are no IPv4 addresses.
    if (begins_with(address, compatible) && b[12] == 0 && b[13] == 0 && b[14] == 0) return std::nullopt;
    return ipv4_address({b[12], b[13], b[14], b[15]});
}

[[noreturn]] void refuse(std::string_view item, const char* rule) {
    throw TargetRulesError("\"" + std::string(item.substr(0, 100)) + "\": " + rule);
}

bool has_bits_behind(const IpAddress& address, unsigned prefix) noexcept {
    for (unsigned bit = prefix; bit < 128; ++bit) {
        if ((address.bytes.at(bit / 8) & (0x80U >> (bit % 8))) != 0) return true;
    }
    return false;
}

struct Word {
    std::string_view name;
    std::array<std::string_view, 2> networks;
};

constexpr std::array<Word, 4> words{{
    {"all", {"0.0.0.0/0", "::/0"}},
    {"loopback", {"127.0.0.0/8", "::1/128"}},
    {"link_local", {"169.254.0.0/16", "fe80::/10"}},
    // Of Amazon, and for most others within link_local.
    {"metadata", {"169.254.169.254/32", "fd00:ec2::254/128"}},
}};

}  // namespace

bool IpAddress::is_ipv4() const noexcept {
    return begins_with(*this, mapped);
}

IpAddress ipv4_address(const std::array<std::uint8_t, 4>& bytes) noexcept {
    IpAddress address;
    std::copy(mapped.begin(), mapped.end(), address.bytes.begin());
    std::copy(bytes.begin(), bytes.end(), address.bytes.begin() + mapped.size());
    return address;
}

std::optional<IpAddress> parse_ip_address(std::string_view text) {
    if (text.find(':') != std::string_view::npos) return parse_ipv6(text);
    if (const auto bytes = parse_ipv4(text)) return ipv4_address(*bytes);
    return std::nullopt;
}

bool is_never_a_target(const IpAddress& address) noexcept {
    if (const auto embedded = embedded_ipv4(address); embedded && is_never_a_target(*embedded)) return true;
    const auto& b = address.bytes;
    if (!address.is_ipv4()) return b[0] == 0xFF || address == IpAddress{};
    const bool broadcast = b[12] == 255 && b[13] == 255 && b[14] == 255 && b[15] == 255;
    return b[12] == 0 || (b[12] >= 224 && b[12] < 240) || broadcast;
}

bool TargetRules::covers(const Network& network, const IpAddress& address) noexcept {
    // The mapped addresses lie within ::/0, but who writes that means IPv6.
    if (network.address.is_ipv4() != address.is_ipv4()) return false;
    const unsigned whole = network.prefix / 8;
    if (!std::equal(network.address.bytes.begin(), network.address.bytes.begin() + whole, address.bytes.begin()))
        return false;
    const unsigned rest = network.prefix % 8;
    if (rest == 0) return true;
    const unsigned mask = 0xFFU << (8 - rest) & 0xFFU;
    return (network.address.bytes.at(whole) & mask) == (address.bytes.at(whole) & mask);
}

bool TargetRules::allows(const IpAddress& address, std::uint16_t port) const noexcept {
    if (is_never_a_target(address)) return false;
    const auto embedded = embedded_ipv4(address);
    const auto concerns = [&](const Item& item) {
        return port >= item.first_port && port <= item.last_port &&
               std::any_of(item.networks.begin(), item.networks.end(), [&](const Network& network) {
                   return covers(network, address) || (embedded && covers(network, *embedded));
               });
    };
    bool allowed = false;
    for (const Item& item : items_) {
        if (!concerns(item)) continue;
        if (!item.allow) return false;
        allowed = true;
    }
    return allowed;
}

TargetRules::Item TargetRules::parse_item(std::string_view text) {
    Item item;
    std::string_view rest = text;
    if (rest.starts_with('!')) {
        item.allow = false;
        rest.remove_prefix(1);
    }
    // The ports stand behind the last colon, unless that is one of an IPv6 address without brackets.
    std::string_view network = rest;
    std::optional<std::string_view> ports;
    if (rest.starts_with('[')) {
        const std::size_t end = rest.find(']');
        if (end == std::string_view::npos) refuse(text, "the bracket is not closed");
        network = rest.substr(1, end - 1);
        const std::string_view behind = rest.substr(end + 1);
        if (!behind.empty() && behind.front() != ':') refuse(text, "only a port may follow the bracket");
        if (!behind.empty()) ports = behind.substr(1);
    } else if (std::count(rest.begin(), rest.end(), ':') == 1) {
        network = rest.substr(0, rest.find(':'));
        ports = rest.substr(rest.find(':') + 1);
    }
    if (ports) {
        const std::size_t dash = ports->find('-');
        const auto first = number_of<std::uint16_t>(ports->substr(0, dash), 65535);
        const auto last =
            dash == std::string_view::npos ? first : number_of<std::uint16_t>(ports->substr(dash + 1), 65535);
        if (!first || !last || *first == 0 || *last < *first) refuse(text, "a port is 1 to 65535, or two with a dash");
        item.first_port = *first;
        item.last_port = *last;
    }

    const auto parse_network = [&](std::string_view cidr) {
        const std::size_t slash = cidr.find('/');
        const auto address = parse_ip_address(cidr.substr(0, slash));
        if (!address) refuse(text, "neither a network nor one of all, loopback, link_local, metadata");
        const bool written_as_ipv6 = cidr.find(':') != std::string_view::npos;
        const unsigned base = written_as_ipv6 ? 0 : ipv4_prefix;
        unsigned prefix = 128;
        if (slash != std::string_view::npos) {
            const auto given = number_of<unsigned>(cidr.substr(slash + 1), 128 - base);
            if (!given) refuse(text, written_as_ipv6 ? "a prefix is /0 to /128" : "a prefix is /0 to /32");
            prefix = base + *given;
        }
        if (has_bits_behind(*address, prefix)) refuse(text, "the address has bits set behind the prefix");
        return Network{*address, prefix};
    };
    const auto* const word =
        std::find_if(words.begin(), words.end(), [&](const Word& candidate) { return candidate.name == network; });
    if (word == words.end()) {
        item.networks.push_back(parse_network(network));
    } else {
        for (const auto cidr : word->networks)
            item.networks.push_back(parse_network(cidr));
    }
    return item;
}

TargetRules TargetRules::parse(std::string_view text) {
    if (text.size() > most_target_rules_text) throw TargetRulesError("the list is longer than 4096 bytes");
    TargetRules rules;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(separators), text.size()));
        if (text.empty()) break;
        const std::size_t end = std::min(text.find_first_of(separators), text.size());
        if (rules.items_.size() == most_items) throw TargetRulesError("the list has more than 256 items");
        rules.items_.push_back(parse_item(text.substr(0, end)));
        text.remove_prefix(end);
    }
    const bool allows_something =
        std::any_of(rules.items_.begin(), rules.items_.end(), [](const Item& item) { return item.allow; });
    // Whoever lists what is forbidden would expect the rest to be allowed, or the rest of the default: neither is said.
    if (!allows_something) throw TargetRulesError("the list allows nothing; \"all\" allows what is not forbidden");
    return rules;
}

}  // namespace vitals::core
