// The first bytes of a server, whole and cut: never a read outside, and a cut answer never claims another encryption
// than the whole one.
#include <string_view>

#include "prober/connectors/mssql/prelogin.h"
#include "property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using vitals::fuzz::require;
    using vitals::prober::OfferedEncryption;
    const auto opening = vitals::fuzz::text_of(data, size);
    const OfferedEncryption whole = vitals::prober::offered_encryption(opening);
    if (whole != OfferedEncryption::unknown)
        require(vitals::prober::looks_like_tds(opening), "only an answer of a SQL Server offers encryption");
    for (std::size_t cut = 0; cut < size; ++cut) {
        const auto part = vitals::prober::offered_encryption(opening.substr(0, cut));
        require(part == OfferedEncryption::unknown || part == whole, "a cut answer claims nothing else");
    }
    return 0;
}
