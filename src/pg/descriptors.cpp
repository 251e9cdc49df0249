#include "pg/descriptors.h"

#include "pg/boundary.h"
#include "pg/pg.h"

extern "C" {
#include "storage/fd.h"
}

namespace vitals::pg {

namespace {

// For the other end of a new socket pair, the set of wait_set.cpp, and whatever the server's own code reserves.
constexpr std::size_t spare = 8;

std::size_t reserved = 0;

}  // namespace

bool reserve_descriptor() {
    // From a third on the server refuses to make wait sets.
    if (reserved + spare >= static_cast<std::size_t>(max_safe_fds) / 3) return false;
    call([] { ReserveExternalFD(); });
    ++reserved;
    return true;
}

void set_reserved_descriptors(std::size_t count) {
    const std::size_t wanted = count + spare / 2;
    call([=] {
        for (; reserved < wanted; ++reserved)
            ReserveExternalFD();
        for (; reserved > wanted; --reserved)
            ReleaseExternalFD();
    });
}

}  // namespace vitals::pg
