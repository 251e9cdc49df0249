// The metric groups that probers are told about: those of the extension, the same for all tenants, and a tenant's own.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/metric_group.h"
#include "extension/fleet.h"

namespace vitals::ext {

// A set of groups, and the lines that tell a prober of it. Shared by all who have the same.
struct Definitions {
    std::map<std::string, core::MetricGroups, std::less<>> of_connector;
    std::vector<std::string> lines;
};
using SharedDefinitions = std::shared_ptr<const Definitions>;

// Those of the extension. problem: why some were left out; empty if none were. Throws pg::ServerError.
SharedDefinitions load_builtin_definitions(std::string& problem);

// A tenant's own groups as its table has them, in order of their names; no more of them, and none longer, than may be.
struct OwnGroup {
    std::string name;
    std::string connector;
    std::string definition;
    bool operator==(const OwnGroup&) const = default;
};
// With the tenant's own rights. Throws pg::ServerError.
std::vector<OwnGroup> load_own_groups(const Tenant& tenant);

// Both together. problem: why groups of the tenant were left out; empty if none were.
SharedDefinitions merge_definitions(const SharedDefinitions& builtin, const std::vector<OwnGroup>& own,
                                    std::string& problem);

// What a target's metrics_enabled means under the definitions of its connector.
class WantedMetrics {
  public:
    // The groups must outlive this.
    WantedMetrics(const core::MetricGroups* groups, const std::vector<std::string>& metrics_enabled);

    // The groups that are due in a cycle.
    [[nodiscard]] std::vector<std::string> due_groups(std::uint64_t cycle) const;
    [[nodiscard]] bool has_groups() const noexcept { return !groups_.empty(); }
    void keep_wanted(std::vector<core::Value>& values) const;

  private:
    std::vector<const core::MetricGroup*> groups_;
    bool all_ = false;
    std::vector<std::string> names_;  // in order
};

}  // namespace vitals::ext
