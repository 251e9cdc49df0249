// How the result of a metric group is read when these of its metrics are wanted: worked out once and shared by all
// servers, so that a poll neither searches definitions nor compares names it need not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/metric_group.h"

namespace vitals::prober {

// Rows that are compared with those of the sample before. A group of layout columns is one table; of layout rows, each
// counter with its base is one, and the instances are its rows.
struct GroupTable {
    // What is read of a row. Those that only mean something as a difference come first.
    std::vector<std::string> sources;
    std::size_t cumulative = 0;  // how many these are
    std::vector<std::size_t> metrics;
};

struct PlannedMetric {
    const core::GroupMetric* metric = nullptr;
    std::size_t table = 0;
    std::optional<std::size_t> source;  // in GroupTable::sources; nothing: rows are counted
    std::optional<std::size_t> base;
    bool single = false;  // one value without an instance, whatever the rows are
};

class GroupPlan {
  public:
    // The definition must live as long as the plan, and longer.
    explicit GroupPlan(const core::WantedGroup& wanted);

    [[nodiscard]] const core::MetricGroup& group() const noexcept { return *group_; }
    [[nodiscard]] const std::vector<GroupTable>& tables() const noexcept { return tables_; }
    [[nodiscard]] const std::vector<PlannedMetric>& metrics() const noexcept { return metrics_; }
    // Of what makes samples comparable: another one after the definition or the choice of metrics has changed.
    [[nodiscard]] std::uint64_t layout() const noexcept { return layout_; }

    // Layout rows: where a counter is read into, by table and source.
    struct Place {
        std::size_t table;
        std::size_t source;
    };
    using Places = std::unordered_multimap<std::uint64_t, Place>;
    [[nodiscard]] std::pair<Places::const_iterator, Places::const_iterator> places(std::string_view object,
                                                                                   std::string_view counter) const {
        return places_.equal_range(counter_hash(object, counter));
    }
    // Whether any metric of the table uses rows of this instance.
    [[nodiscard]] bool uses_instance(const GroupTable& table, std::string_view instance) const noexcept;

    // The names that "{{sources}}" stands for, each once.
    [[nodiscard]] std::vector<std::string> source_names() const;

  private:
    static std::uint64_t counter_hash(std::string_view object, std::string_view counter) noexcept;
    void plan_columns(const core::WantedGroup& wanted);
    void plan_counters(const core::WantedGroup& wanted);
    void find_places();

    const core::MetricGroup* group_;
    std::vector<GroupTable> tables_;
    std::vector<PlannedMetric> metrics_;
    Places places_;
    std::uint64_t layout_ = 0;
};

// True where a metric of layout rows reads rows of this instance.
bool takes_instance(const core::GroupMetric& metric, std::string_view instance) noexcept;

// True where the values of a kind are differences to the sample before.
bool is_difference(core::MetricKind kind) noexcept;

}  // namespace vitals::prober
