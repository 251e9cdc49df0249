// Jobs as the prober reads them: what parses encodes and parses again to the same.
#include <string>
#include <variant>

#include "core/wire.h"
#include "property.h"

namespace {

std::string encode_command(const vitals::core::ProberCommand& command) {
    return std::visit([](const auto& one) { return vitals::core::encode(one); }, command);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using vitals::fuzz::require;
    std::string line;
    try {
        line = encode_command(vitals::core::parse_command(vitals::fuzz::text_of(data, size)));
    } catch (const vitals::core::WireError&) {
        return 0;
    }
    // Escaping may make a line longer than a prober accepts; such a job cannot have come from a collector.
    if (line.size() > vitals::core::max_job_line) return 0;
    require(line == encode_command(vitals::core::parse_command(line)), "a command is the same after a round trip");
    return 0;
}
