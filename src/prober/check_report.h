// What a person reads of a connection test.
#pragma once

#include <string>

#include "core/wire.h"

namespace vitals::prober {

// One line per step, and below a failed one what to do about it.
std::string describe_checks(const core::Result& result);

// Whether every step went well.
bool all_passed(const core::Result& result);

}  // namespace vitals::prober
