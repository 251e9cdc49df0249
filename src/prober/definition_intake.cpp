#include "prober/definition_intake.h"

#include <utility>

namespace vitals::prober {

namespace {

void require(bool condition, const char* rule) {
    if (!condition) throw core::WireError(rule);
}

}  // namespace

std::shared_ptr<const core::MetricGroups> DefinitionIntake::take(core::Define&& define) {
    if (define.reset) begun_[define.connector] = {define.groups, {}};
    const auto begun = begun_.find(define.connector);
    require(begun != begun_.end() && begun->second.size == define.groups, "a definition belongs to no set");
    core::MetricGroups& groups = begun->second.groups;
    if (define.group) {
        std::string name = define.group->name;
        require(groups.emplace(std::move(name), std::move(*define.group)).second, "a group is defined twice");
    }
    if (groups.size() < define.groups) return nullptr;
    auto complete = std::make_shared<const core::MetricGroups>(std::move(groups));
    begun_.erase(begun);
    return complete;
}

}  // namespace vitals::prober
