// What a tenant wrote into the JSON columns of its tables, as far as it makes sense: anything else is left out rather
// than believed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/wire.h"

namespace vitals::core {

// The scalars of a JSON object, as texts: {"encrypt": "require", "packet_size": 8192}.
Options options_from_json(std::string_view json);

// The metrics that a target wants, by name; empty means all. From a JSON array of names, in which "*" stands for all.
// If it asks for none, the list holds one name that no metric has.
std::vector<std::string> metrics_from_json(std::string_view json);

}  // namespace vitals::core
