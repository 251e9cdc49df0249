#include "prober/groups/group_values.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace vitals::prober {

namespace {

using core::GroupMetric;
using core::MetricKind;
using core::NewRows;
using core::Over;

constexpr double whole = 100.0;
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

using Number = std::optional<double>;

Number number_of(const Reading& reading) {
    if (const auto* integer = std::get_if<std::int64_t>(&reading)) return static_cast<double>(*integer);
    if (const auto* number = std::get_if<double>(&reading)) return *number;
    return std::nullopt;
}

bool went_down(const Reading& before, const Reading& now) {
    const auto* old_integer = std::get_if<std::int64_t>(&before);
    const auto* new_integer = std::get_if<std::int64_t>(&now);
    if (old_integer != nullptr && new_integer != nullptr) return *new_integer < *old_integer || *old_integer < 0;
    const Number old_number = number_of(before);
    const Number new_number = number_of(now);
    return old_number && new_number && (*new_number < *old_number || *old_number < 0);
}

// Of counters that did not go down. Integers are exact beyond what a double is.
double difference(const Reading& before, const Reading& now) {
    const auto* old_integer = std::get_if<std::int64_t>(&before);
    const auto* new_integer = std::get_if<std::int64_t>(&now);
    if (old_integer != nullptr && new_integer != nullptr) return static_cast<double>(*new_integer - *old_integer);
    return number_of(now).value_or(unknown) - number_of(before).value_or(unknown);
}

// The difference of every reading of the sample to the one before: not a number where it is not known.
class Differences {
  public:
    Differences(const GroupPlan& plan, const GroupSample* before, const GroupReading& now)
        : plan_(plan), now_(now), cleared_(plan.tables().size(), before == nullptr) {
        if (before == nullptr) return;
        // Rows that are not there may be among those that were left out.
        from_zero_ = plan.group().new_rows == NewRows::from_zero && !before->truncated && !now.truncated;
        differences_.assign(now.readings.size(), unknown);
        merge(*before);
    }

    [[nodiscard]] bool known(std::size_t table) const { return !cleared_[table]; }
    [[nodiscard]] Number of(const ReadRow& row, std::size_t source) const {
        if (cleared_[row.table]) return std::nullopt;
        const double value = differences_[row.first + source];
        return std::isfinite(value) ? Number(value) : std::nullopt;
    }

  private:
    void merge(const GroupSample& before) {
        const auto place = [](const auto& row) { return std::pair<std::size_t, std::uint64_t>(row.table, row.key); };
        auto old_row = before.rows.begin();
        for (const ReadRow& row : now_.rows) {
            if (row.repeated) continue;
            for (; old_row != before.rows.end() && place(*old_row) < place(row); ++old_row)
                lose(old_row->table);
            if (old_row != before.rows.end() && place(*old_row) == place(row)) {
                compare(before, *old_row++, row);
            } else if (from_zero_) {
                count_from_zero(row);
            }
        }
        for (; old_row != before.rows.end(); ++old_row)
            lose(old_row->table);
    }

    void lose(std::size_t table) {
        if (from_zero_) cleared_[table] = true;
    }

    void compare(const GroupSample& before, const GroupSample::Row& old_row, const ReadRow& row) {
        const std::size_t cumulative = plan_.tables()[row.table].cumulative;
        for (std::size_t source = 0; source < cumulative; ++source) {
            if (!went_down(before.readings[old_row.first + source], now_.readings[row.first + source])) continue;
            lose(row.table);
            return;
        }
        for (std::size_t source = 0; source < cumulative; ++source) {
            differences_[row.first + source] =
                difference(before.readings[old_row.first + source], now_.readings[row.first + source]);
        }
    }

    void count_from_zero(const ReadRow& row) {
        const std::size_t cumulative = plan_.tables()[row.table].cumulative;
        for (std::size_t source = 0; source < cumulative; ++source) {
            const double value = number_of(now_.readings[row.first + source]).value_or(unknown);
            if (value >= 0) differences_[row.first + source] = value;
        }
    }

    const GroupPlan& plan_;
    const GroupReading& now_;
    bool from_zero_ = false;
    std::vector<double> differences_;
    std::vector<bool> cleared_;  // by table: nothing is known of any row
};

// What a metric is made of, of one row or of many.
struct Parts {
    Number value;
    Number base;
};

class Computer {
  public:
    Computer(const GroupPlan& plan, const GroupSample* before, const GroupReading& now,
             std::optional<std::chrono::milliseconds> interval, std::vector<core::Value>& values)
        : plan_(plan),
          now_(now),
          interval_(interval),
          differences_(plan, interval ? before : nullptr, now),
          values_(values) {}

    bool run() {
        for (const PlannedMetric& planned : plan_.metrics())
            append(planned);
        return !cut_;
    }

  private:
    void append(const PlannedMetric& planned) {
        switch (planned.metric->over) {
            case Over::row:
                if (planned.single) {
                    const ReadRow* row = first_row(planned);
                    add(planned, "", row != nullptr ? value_of(planned, *row) : std::nullopt);
                } else {
                    each_row(planned, [&](const ReadRow& row) { add(planned, row.instance, value_of(planned, row)); });
                }
                break;
            case Over::sum:
                add(planned, "", sum(planned));
                break;
            case Over::max:
            case Over::min:
                add(planned, "", extreme(planned));
                break;
            case Over::count:
                add(planned, "", count(planned));
                break;
            case Over::category:
                add_categories(planned);
                break;
        }
    }

    void add(const PlannedMetric& planned, std::string_view instance, Number value) {
        if (value) {
            *value *= planned.metric->factor;
            if (!std::isfinite(*value)) value.reset();
        }
        if (values_.size() >= core::max_values) {
            cut_ = true;
            return;
        }
        values_.push_back({planned.metric->name, std::string(instance), value});
    }

    template <typename Visit>
    void each_row(const PlannedMetric& planned, Visit visit) const {
        const bool by_instance = plan_.group().rows_layout;
        for (std::size_t i = now_.begin[planned.table]; i < now_.begin[planned.table + 1]; ++i) {
            const ReadRow& row = now_.rows[i];
            if (planned.metric->skip_ignored && row.ignored) continue;
            if (by_instance && !takes_instance(*planned.metric, row.instance)) continue;
            visit(row);
        }
    }

    const ReadRow* first_row(const PlannedMetric& planned) const {
        const ReadRow* first = nullptr;
        each_row(planned, [&](const ReadRow& row) {
            if (first == nullptr) first = &row;
        });
        return first;
    }

    Parts parts_of(const PlannedMetric& planned, const ReadRow& row) const {
        const auto part = [&](std::optional<std::size_t> source) -> Number {
            if (!source) return std::nullopt;
            if (is_difference(planned.metric->kind)) return differences_.of(row, *source);
            return number_of(now_.readings[row.first + *source]);
        };
        return {part(planned.source), part(planned.base)};
    }

    // A row without a difference of its own: which of the rows with its key it belongs to is not known.
    Number value_of(const PlannedMetric& planned, const ReadRow& row) const {
        if (is_difference(planned.metric->kind) && (row.shared || row.repeated)) return std::nullopt;
        return finish(planned, parts_of(planned, row));
    }

    Number finish(const PlannedMetric& planned, const Parts& parts) const {
        if (!parts.value) return std::nullopt;
        switch (planned.metric->kind) {
            case MetricKind::gauge:
            case MetricKind::delta:
                return parts.value;
            case MetricKind::rate:
                return core::per_second(parts.value, *interval_);
            case MetricKind::ratio:
                if (!parts.base || *parts.base <= 0 || *parts.value < 0) return std::nullopt;
                return whole * (*parts.value / *parts.base);
            case MetricKind::average:
                if (!parts.base || *parts.base <= 0) return std::nullopt;
                return *parts.value / *parts.base;
        }
        return std::nullopt;
    }

    // Adds what is known of a row; of two parts both or none.
    static void add_up(Parts& total, const Parts& row, bool with_base) {
        if (!row.value || (with_base && !row.base)) return;
        total.value = total.value.value_or(0) + *row.value;
        if (with_base) total.base = total.base.value_or(0) + *row.base;
    }

    // Whether a sum over these rows is the sum over all there are.
    bool complete(const PlannedMetric& planned) const {
        if (now_.truncated) return false;
        return !is_difference(planned.metric->kind) || differences_.known(planned.table);
    }

    Number sum(const PlannedMetric& planned) const {
        if (!complete(planned)) return std::nullopt;
        const bool difference = is_difference(planned.metric->kind);
        const bool with_base = planned.base.has_value();
        Parts total;
        bool any = false;
        each_row(planned, [&](const ReadRow& row) {
            any = true;
            if (!difference || !row.repeated) add_up(total, parts_of(planned, row), with_base);
        });
        // Rows at zero are not there: none means that nothing has happened.
        if (!any && !with_base && plan_.group().new_rows == NewRows::from_zero) total.value = 0;
        return finish(planned, total);
    }

    Number extreme(const PlannedMetric& planned) const {
        if (!complete(planned)) return std::nullopt;
        Number best;
        each_row(planned, [&](const ReadRow& row) {
            const Number value = value_of(planned, row);
            if (!value) return;
            const bool better = !best || (planned.metric->over == Over::max ? *value > *best : *value < *best);
            if (better) best = value;
        });
        return best;
    }

    Number count(const PlannedMetric& planned) const {
        const bool all = !planned.source && !planned.metric->skip_ignored;
        if (all) return static_cast<double>(now_.row_count);
        if (now_.truncated) return std::nullopt;
        std::size_t rows = 0;
        each_row(planned,
                 [&](const ReadRow& row) { rows += !planned.source || parts_of(planned, row).value ? 1U : 0U; });
        return static_cast<double>(rows);
    }

    void add_categories(const PlannedMetric& planned) {
        if (!complete(planned)) return;
        const bool difference = is_difference(planned.metric->kind);
        std::map<std::string_view, Parts> totals;
        each_row(planned, [&](const ReadRow& row) {
            Parts& total = totals[row.category];
            if (!difference || !row.repeated) add_up(total, parts_of(planned, row), planned.base.has_value());
        });
        for (const auto& [category, total] : totals)
            add(planned, category, finish(planned, total));
    }

    const GroupPlan& plan_;
    const GroupReading& now_;
    std::optional<std::chrono::milliseconds> interval_;
    Differences differences_;
    std::vector<core::Value>& values_;
    bool cut_ = false;  // not all of them fit
};

}  // namespace

bool append_group_values(const GroupPlan& plan, const GroupSample* before, const GroupReading& now,
                         std::optional<std::chrono::milliseconds> interval, std::vector<core::Value>& values) {
    const bool comparable = before != nullptr && before->layout == plan.layout();
    return Computer(plan, comparable ? before : nullptr, now, comparable ? interval : std::nullopt, values).run();
}

void append_unknown_values(const GroupPlan& plan, std::vector<core::Value>& values) {
    for (const PlannedMetric& planned : plan.metrics()) {
        if (planned.single) values.push_back({planned.metric->name, "", std::nullopt});
    }
}

}  // namespace vitals::prober
