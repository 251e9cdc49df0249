// The commands of the program: sets the process up, from the least to the most restricted, and does the work.
#pragma once

#include "prober/command_line.h"

namespace vitals::prober {

[[noreturn]] void run_serve(const ServeCommand& command);
// The exit status.
int run_check(CheckCommand command);

}  // namespace vitals::prober
