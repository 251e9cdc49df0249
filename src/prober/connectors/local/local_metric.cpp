#include "prober/connectors/local/local_metric.h"

#include <algorithm>

namespace vitals::prober {

bool is_wanted(std::string_view metric, const std::vector<std::string>& names) {
    return names.empty() || std::find(names.begin(), names.end(), metric) != names.end();
}

std::set<LocalGroup> local_groups_for(const std::vector<std::string>& names) {
    std::set<LocalGroup> groups;
    for (const auto& [name, group] : local_metric_names) {
        if (is_wanted(name, names)) groups.insert(group);
    }
    return groups;
}

}  // namespace vitals::prober
