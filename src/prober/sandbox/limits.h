// What the process may use, so that a monitored server that fills its memory or its descriptors harms nothing else.
#pragma once

#include <cstdint>

namespace vitals::prober {

// Limits the address space (0: no limit) and descriptors, forbids core dumps and debuggers, makes new threads small,
// and ends the process with exit_out_of_memory when an allocation of ours fails. Call before any thread is started.
// Throws std::system_error where the system refuses.
void apply_limits(std::uint64_t memory_bytes);

// Gives memory that was freed back to the system, which malloc does by itself only as more is freed: what a large
// answer took once would be counted as long as nothing else happens. Takes a millisecond or so.
void give_back_memory();

}  // namespace vitals::prober
