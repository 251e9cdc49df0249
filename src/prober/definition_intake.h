// Puts the definitions of metric groups together, which arrive one a line, until a connector's new set is complete.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/metric_group.h"
#include "core/wire.h"

namespace vitals::prober {

class DefinitionIntake {
  public:
    // The whole set once the last group of it has come, nothing before. Throws core::WireError for a line that does not
    // continue the set that was begun.
    std::shared_ptr<const core::MetricGroups> take(core::Define&& define);

  private:
    struct Begun {
        std::size_t size = 0;
        core::MetricGroups groups;
    };
    std::map<std::string, Begun, std::less<>> begun_;  // by connector
};

}  // namespace vitals::prober
