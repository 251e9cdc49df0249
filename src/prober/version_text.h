// What `vitals_prober --version` says.
#pragma once

#include <string>

namespace vitals::prober {

std::string version_text();

}  // namespace vitals::prober
