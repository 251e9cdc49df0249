#include "prober/groups/group_sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>

#include "core/text_rules.h"
#include "core/wire.h"
#include "prober/groups/text_hash.h"

namespace vitals::prober {

namespace {

constexpr std::string_view other_category = "Other";
constexpr std::string_view ignored_category = "ignored";

Reading reading_of(const Cell& cell) {
    if (const auto* integer = std::get_if<std::int64_t>(&cell)) return *integer;
    const auto* number = std::get_if<double>(&cell);
    return number != nullptr && std::isfinite(*number) ? Reading(*number) : Reading();
}

const Cell& cell_at(const Row& row, std::optional<std::size_t> column) {
    static const Cell nothing;
    return column && *column < row.size() ? row[*column] : nothing;
}

void append_text(std::string& text, const Cell& cell) {
    if (const auto* words = std::get_if<std::string>(&cell)) {
        text += *words;
    } else if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
        fmt::format_to(std::back_inserter(text), "{}", *integer);
    } else if (const auto* number = std::get_if<double>(&cell)) {
        fmt::format_to(std::back_inserter(text), "{}", *number);
    }
}

// A server may send any text: what no report carries is not kept, and the name says so.
std::string fitted(std::string_view instance) {
    if (instance.size() <= core::max_instance_name) return std::string(instance);
    // Others may begin the same.
    const std::string mark = fmt::format(" {:016x}…", TextHash().add(instance).value());
    std::string name(instance.substr(0, core::cut_of(instance, core::max_instance_name - mark.size())));
    return name += mark;
}

// NULL is not the empty text, and 1 is not "1".
void hash_cell(TextHash& hash, const Cell& cell, std::string& scratch) {
    hash.add(std::uint64_t{cell.index()});
    scratch.clear();
    append_text(scratch, cell);
    hash.add(scratch);
}

Reading sum_of(const Reading& a, const Reading& b) {
    const auto* x = std::get_if<std::int64_t>(&a);
    const auto* y = std::get_if<std::int64_t>(&b);
    std::int64_t sum = 0;
    if (x != nullptr && y != nullptr) return __builtin_add_overflow(*x, *y, &sum) ? Reading() : Reading(sum);
    const auto number = [](const Reading& reading) -> std::optional<double> {
        if (const auto* integer = std::get_if<std::int64_t>(&reading)) return static_cast<double>(*integer);
        if (const auto* real = std::get_if<double>(&reading)) return *real;
        return std::nullopt;
    };
    const auto first = number(a);
    const auto second = number(b);
    if (!first || !second || !std::isfinite(*first + *second)) return {};
    return *first + *second;
}

class Reader {
  public:
    Reader(const GroupPlan& plan, const ResultSet& set) : plan_(plan), set_(set) {
        reading_.row_count = set.rows.size() + set.left_out;
        const std::size_t limit = plan.group().row_limit;
        used_ = std::min(set.rows.size(), limit);
        reading_.truncated = reading_.row_count > used_;
    }

    GroupReading run() && {
        if (plan_.group().rows_layout) {
            read_counters();
        } else {
            read_columns();
        }
        return std::move(reading_);
    }

  private:
    std::optional<std::size_t> column(std::string_view name) {
        const auto found = set_.column(name);
        if (!found) reading_.missing.emplace_back(name);
        return found;
    }

    std::vector<std::optional<std::size_t>> columns(const std::vector<std::string>& names) {
        std::vector<std::optional<std::size_t>> found;
        found.reserve(names.size());
        for (const std::string& name : names)
            found.push_back(column(name));
        return found;
    }

    void read_columns() {
        const core::MetricGroup& group = plan_.group();
        const GroupTable& table = plan_.tables().front();
        const auto labels = columns(group.labels);
        const auto keys = columns(group.key);
        const auto sources = columns(table.sources);
        reading_.rows.reserve(used_);
        reading_.readings.reserve(used_ * sources.size());
        for (std::size_t i = 0; i < used_; ++i) {
            const Row& cells = set_.rows[i];
            ReadRow& row = reading_.rows.emplace_back();
            row.first = reading_.readings.size();
            TextHash hash;
            name_.clear();
            for (std::size_t label = 0; label < labels.size(); ++label) {
                const Cell& cell = cell_at(cells, labels[label]);
                if (label > 0) name_ += '/';
                append_text(name_, cell);
                hash_cell(hash, cell, scratch_);
            }
            row.instance = fitted(name_);
            for (const auto& key : keys)
                hash_cell(hash, cell_at(cells, key), scratch_);
            row.key = hash.value();
            if (!labels.empty()) categorise(row, cell_at(cells, labels.front()));
            for (const auto& source : sources)
                reading_.readings.push_back(reading_of(cell_at(cells, source)));
        }
        sort_rows();
        add_up_shared_keys(table);
        find_tables();
    }

    void categorise(ReadRow& row, const Cell& label) const {
        const auto& categories = plan_.group().categories;
        const auto* text = std::get_if<std::string>(&label);
        const auto found = text != nullptr ? categories.find(*text) : categories.end();
        row.category = found != categories.end() ? std::string_view(found->second) : other_category;
        row.ignored = row.category == ignored_category;
    }

    void read_counters() {
        const auto object_at = column("object_name");
        const auto counter_at = column("counter_name");
        const auto instance_at = column("instance_name");
        const auto value_at = column("cntr_value");
        for (std::size_t i = 0; i < used_; ++i) {
            const Row& cells = set_.rows[i];
            const auto object = text_at(cells, object_at);
            const auto counter = text_at(cells, counter_at);
            if (!object || !counter) continue;
            const std::string_view instance = trimmed(text_at(cells, instance_at).value_or(""));
            const auto [begin, end] = plan_.places(*object, trimmed(*counter));
            for (auto place = begin; place != end; ++place)
                note_counter(place->second, instance, reading_of(cell_at(cells, value_at)));
        }
        join_counters();
        find_tables();
    }

    // The columns are nchar(128), padded with blanks where the statement does not trim them.
    static std::string_view trimmed(std::string_view text) { return text.substr(0, text.find_last_not_of(' ') + 1); }

    void note_counter(const GroupPlan::Place& place, std::string_view instance, const Reading& value) {
        const GroupTable& table = plan_.tables()[place.table];
        if (!plan_.uses_instance(table, instance)) return;
        counters_.push_back({place.table, TextHash().add(instance).value(), place.source, instance, value});
    }

    // A counter and its base come in rows of their own.
    void join_counters() {
        std::stable_sort(counters_.begin(), counters_.end(), [](const Counter& a, const Counter& b) {
            return std::tie(a.table, a.key) < std::tie(b.table, b.key);
        });
        for (const Counter& counter : counters_) {
            const std::size_t width = plan_.tables()[counter.table].sources.size();
            const bool is_new = reading_.rows.empty() || reading_.rows.back().table != counter.table ||
                                reading_.rows.back().key != counter.key;
            if (is_new) {
                ReadRow& row = reading_.rows.emplace_back();
                row.table = counter.table;
                row.key = counter.key;
                row.first = reading_.readings.size();
                row.instance = fitted(counter.instance);
                reading_.readings.resize(row.first + width);
            }
            Reading& reading = reading_.readings[reading_.rows.back().first + counter.source];
            // Of a counter that comes twice the first one stays.
            if (reading.index() == 0) reading = counter.value;
        }
    }

    void sort_rows() {
        std::sort(reading_.rows.begin(), reading_.rows.end(), [](const ReadRow& a, const ReadRow& b) {
            return std::tie(a.table, a.key, a.first) < std::tie(b.table, b.key, b.first);
        });
    }

    void add_up_shared_keys(const GroupTable& table) {
        for (std::size_t i = 1, first = 0; i < reading_.rows.size(); ++i) {
            ReadRow& row = reading_.rows[i];
            if (row.key != reading_.rows[first].key) {
                first = i;
                continue;
            }
            row.repeated = true;
            reading_.rows[first].shared = true;
            for (std::size_t source = 0; source < table.cumulative; ++source) {
                Reading& total = reading_.readings[reading_.rows[first].first + source];
                total = sum_of(total, reading_.readings[row.first + source]);
            }
        }
    }

    void find_tables() {
        reading_.begin.reserve(plan_.tables().size() + 1);
        std::size_t at = 0;
        for (std::size_t table = 0; table <= plan_.tables().size(); ++table) {
            while (at < reading_.rows.size() && reading_.rows[at].table < table)
                ++at;
            reading_.begin.push_back(at);
        }
    }

    struct Counter {
        std::size_t table;
        std::uint64_t key;
        std::size_t source;
        std::string_view instance;
        Reading value;
    };

    const GroupPlan& plan_;
    const ResultSet& set_;
    std::size_t used_ = 0;
    GroupReading reading_;
    std::vector<Counter> counters_;
    std::string name_;
    std::string scratch_;
};

}  // namespace

GroupReading read_group(const GroupPlan& plan, const ResultSet& set) {
    return Reader(plan, set).run();
}

GroupSample keep_sample(const GroupPlan& plan, const GroupReading& reading, const core::SampleClock& clock) {
    GroupSample sample;
    sample.layout = plan.layout();
    sample.clock = clock;
    sample.truncated = reading.truncated;
    std::size_t rows = 0;
    std::size_t readings = 0;
    const auto is_kept = [&](const ReadRow& row) { return plan.tables()[row.table].cumulative > 0 && !row.repeated; };
    for (const ReadRow& row : reading.rows) {
        if (!is_kept(row)) continue;
        ++rows;
        readings += plan.tables()[row.table].cumulative;
    }
    sample.rows.reserve(rows);
    sample.readings.reserve(readings);
    for (const ReadRow& row : reading.rows) {
        if (!is_kept(row)) continue;
        const auto from = reading.readings.begin() + static_cast<std::ptrdiff_t>(row.first);
        sample.rows.push_back(
            {row.key, static_cast<std::uint32_t>(row.table), static_cast<std::uint32_t>(sample.readings.size())});
        sample.readings.insert(sample.readings.end(), from,
                               from + static_cast<std::ptrdiff_t>(plan.tables()[row.table].cumulative));
    }
    return sample;
}

}  // namespace vitals::prober
