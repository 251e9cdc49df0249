// The guard against sending a password in plain text: its answer does not depend on how FreeTDS cuts its writes, and
// nothing that does not begin like PRELOGIN or TLS passes.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstddef>
#include <span>
#include <vector>

#include "prober/freetds/outgoing_filter.h"
#include "property.h"

namespace {

constexpr std::uint8_t prelogin_packet = 0x12;
constexpr std::uint8_t first_record = 0x14;
constexpr std::uint8_t last_record = 0x17;
constexpr std::uint8_t login_packet = 0x10;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using vitals::fuzz::require;
    using vitals::prober::OutgoingFilter;
    const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));

    OutgoingFilter whole;
    const bool passes = whole.take(bytes);
    OutgoingFilter by_byte;
    bool each_passes = true;
    for (std::size_t i = 0; i < size && each_passes; ++i)
        each_passes = by_byte.take(bytes.subspan(i, 1));
    require(passes == each_passes, "the answer does not depend on how a stream is cut");
    if (passes) require(whole.encrypted() == by_byte.encrypted(), "nor does what is known to be encrypted");

    const bool begins_well =
        size == 0 || data[0] == prelogin_packet || (data[0] >= first_record && data[0] <= last_record);
    require(begins_well || !passes, "a stream that does not begin with PRELOGIN or TLS is stopped");

    // Between two frames a login record never passes.
    std::vector<std::byte> prelogin_then_login(8, std::byte{0});
    prelogin_then_login[0] = std::byte{prelogin_packet};
    prelogin_then_login[3] = std::byte{8};
    OutgoingFilter filter;
    require(filter.take(prelogin_then_login), "an empty PRELOGIN passes");
    if (size > 0 && data[0] == login_packet) require(!filter.take(bytes), "a login in plain text is stopped");
    return 0;
}
