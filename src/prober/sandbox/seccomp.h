// Which system calls the prober may make once it serves.
#pragma once

namespace vitals::prober {

// Restricts all threads for good. False where the kernel offers no seccomp filters. Needs no_new_privs. Throws
// std::system_error for any other failure.
bool restrict_system_calls();

}  // namespace vitals::prober
