// A definition as part of a larger JSON text, for the .cpp files of core.
#pragma once

#include "core/json_fields.h"
#include "core/metric_group.h"

namespace vitals::core {

// Throws WireError naming the rule that is broken.
MetricGroup metric_group_of(const Json& json);
// What has its default is left out.
Json json_of(const MetricGroup& group);

}  // namespace vitals::core
