// What is asked of the servers of one kind: of one version and edition, with the same metrics wanted. Thousands of
// servers share few plans.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/metric_group.h"
#include "prober/groups/group_plan.h"

namespace vitals::prober {

struct MssqlKind {
    int version = 0;  // major
    std::int64_t edition = 0;
    bool procedures = false;           // EXEC vitals.collect_… instead of the statements
    std::vector<std::string> metrics;  // names of metrics or groups that are wanted; empty: everything

    bool operator==(const MssqlKind&) const = default;
};

struct PlannedGroup {
    GroupPlan plan;
    std::string statement;  // empty: there is no such group in this version or edition
};

class MssqlPlan {
  public:
    MssqlPlan(std::shared_ptr<const core::MetricGroups> definitions, MssqlKind kind);

    [[nodiscard]] bool is_for(const core::MetricGroups* definitions, const MssqlKind& kind) const {
        return definitions_.get() == definitions && kind_ == kind;
    }
    [[nodiscard]] bool has_definitions_of(const MssqlPlan& other) const noexcept {
        return definitions_ == other.definitions_;
    }
    [[nodiscard]] const std::vector<PlannedGroup>& groups() const noexcept { return groups_; }
    [[nodiscard]] bool wants_cpu() const noexcept { return wants_cpu_; }
    [[nodiscard]] bool wants_clock_skew() const noexcept { return wants_clock_skew_; }

  private:
    std::shared_ptr<const core::MetricGroups> definitions_;  // what the groups refer to
    MssqlKind kind_;
    std::vector<PlannedGroup> groups_;
    bool wants_cpu_ = false;
    bool wants_clock_skew_ = false;
};

// The definitions that hold now and the plans that are in use. Threads may use it at the same time.
class MssqlPlans {
  public:
    void define(std::shared_ptr<const core::MetricGroups> definitions);
    // `last` is what the caller had before; it is given back where it still holds.
    std::shared_ptr<const MssqlPlan> plan_for(MssqlKind kind, const std::shared_ptr<const MssqlPlan>& last);

  private:
    std::mutex mutex_;
    std::shared_ptr<const core::MetricGroups> definitions_ = std::make_shared<const core::MetricGroups>();
    std::vector<std::weak_ptr<const MssqlPlan>> plans_;
};

// The first variant that fits a server, or nullptr.
const core::GroupVariant* variant_for(const core::MetricGroup& group, int version, std::int64_t edition) noexcept;

}  // namespace vitals::prober
