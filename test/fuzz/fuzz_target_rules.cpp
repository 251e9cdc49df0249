// Lists of allowed targets: no text crashes the parser, none allows what is never a target, and what is added behind a
// list can take from it, when it is forbidden, and never give.
#include <string>

#include "core/target_rules.h"
#include "property.h"

namespace {

using vitals::core::IpAddress;
using vitals::core::TargetRules;

IpAddress take_address(const std::uint8_t* data) {
    IpAddress address;
    for (std::size_t i = 0; i < address.bytes.size(); ++i)
        address.bytes.at(i) = data[i];
    return address;
}

}  // namespace

// 16 bytes of an address, two of a port, and the list.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using vitals::fuzz::require;
    if (size < 18) return 0;
    const IpAddress address = take_address(data);
    const auto port = static_cast<std::uint16_t>(data[16] << 8U | data[17]);
    const auto text = vitals::fuzz::text_of(data + 18, size - 18);
    static_cast<void>(vitals::core::parse_ip_address(text));
    try {
        const bool allowed = TargetRules::parse(text).allows(address, port);
        require(!allowed || !vitals::core::is_never_a_target(address), "no list allows what is never a target");
        const std::string narrower = std::string(text) + ",!all:" + std::to_string(port);
        if (port != 0 && narrower.size() <= vitals::core::most_target_rules_text)
            require(!TargetRules::parse(narrower).allows(address, port), "what is forbidden is not allowed");
    } catch (const vitals::core::TargetRulesError&) {
        // Refused, as most texts are, or one item too many.
    }
    return 0;
}
