// Which files the prober may read once it serves: the kernel's Landlock takes away everything else for good.
#pragma once

#include <string>
#include <vector>

namespace vitals::prober {

// Restricts the calling thread, and all threads it starts afterwards, to reading the files and directories below these
// paths; a path that does not exist is skipped. Nothing can be written, made or removed any more, no TCP port bound,
// and (kernel permitting) no signal and no abstract socket reaches a process outside. Needs no_new_privs.
//
// Returns what the kernel does not offer: "landlock" when all of it is missing, else one "landlock_abi_N" for each
// later version that it lacks and that would restrict more. Throws std::system_error for any other failure.
std::vector<std::string> restrict_files(const std::vector<std::string>& readable);

}  // namespace vitals::prober
