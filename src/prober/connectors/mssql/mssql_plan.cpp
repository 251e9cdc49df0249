#include "prober/connectors/mssql/mssql_plan.h"

#include <algorithm>
#include <array>
#include <utility>

#include "prober/connectors/mssql/mssql_batch.h"
#include "prober/connectors/mssql/mssql_server.h"

namespace vitals::prober {

namespace {

// Azure SQL Database, and the two of Azure Synapse: they lack most views of the server.
constexpr std::array<std::int64_t, 3> special_editions{azure_sql_database, 6, 11};

bool contains(const auto& list, const auto& element) {
    return std::find(list.begin(), list.end(), element) != list.end();
}

bool fits(const core::GroupVariant& variant, int version, std::int64_t edition) {
    const bool edition_fits =
        variant.editions.empty() ? !contains(special_editions, edition) : contains(variant.editions, edition);
    // What Azure calls its version says nothing about what it can do.
    const bool evergreen = edition == azure_sql_database || edition == managed_instance;
    return edition_fits && (evergreen || version >= variant.min_version);
}

}  // namespace

const core::GroupVariant* variant_for(const core::MetricGroup& group, int version, std::int64_t edition) noexcept {
    const auto found = std::find_if(group.variants.begin(), group.variants.end(),
                                    [&](const auto& variant) { return fits(variant, version, edition); });
    return found != group.variants.end() ? &*found : nullptr;
}

MssqlPlan::MssqlPlan(std::shared_ptr<const core::MetricGroups> definitions, MssqlKind kind)
    : definitions_(std::move(definitions)), kind_(std::move(kind)) {
    const auto wants = [&](std::string_view metric) {
        return kind_.metrics.empty() || contains(kind_.metrics, metric);
    };
    wants_cpu_ = wants(cpu_metric);
    wants_clock_skew_ = wants(clock_skew_metric);
    for (const core::WantedGroup& wanted : core::wanted_groups(*definitions_, kind_.metrics)) {
        PlannedGroup& planned = groups_.emplace_back(PlannedGroup{GroupPlan(wanted), ""});
        const core::GroupVariant* variant = variant_for(*wanted.group, kind_.version, kind_.edition);
        if (variant == nullptr) continue;
        planned.statement =
            kind_.procedures ? procedure_call(wanted.group->name) : group_statement(planned.plan, variant->sql);
    }
}

void MssqlPlans::define(std::shared_ptr<const core::MetricGroups> definitions) {
    const std::lock_guard lock(mutex_);
    definitions_ = std::move(definitions);
}

std::shared_ptr<const MssqlPlan> MssqlPlans::plan_for(MssqlKind kind, const std::shared_ptr<const MssqlPlan>& last) {
    const std::lock_guard lock(mutex_);
    if (last && last->is_for(definitions_.get(), kind)) return last;
    std::erase_if(plans_, [](const auto& plan) { return plan.expired(); });
    for (const auto& kept : plans_) {
        auto plan = kept.lock();
        if (plan && plan->is_for(definitions_.get(), kind)) return plan;
    }
    auto plan = std::make_shared<const MssqlPlan>(definitions_, std::move(kind));
    plans_.push_back(plan);
    return plan;
}

}  // namespace vitals::prober
