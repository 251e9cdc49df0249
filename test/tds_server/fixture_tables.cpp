#include "tds_server/fixture_tables.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "tds_server/sql_types.h"
#include "tds_server/timestamps.h"

namespace tds_server {

namespace {

constexpr std::string_view ring_buffer_table = "sys.dm_os_ring_buffers";

std::int64_t round_to_integer(double value) {
    return std::llround(value);
}

std::int64_t integer_of(const Cell& cell) {
    const auto* integer = std::get_if<std::int64_t>(&cell);
    return integer != nullptr ? *integer : 0;
}

// The counters are exact where the amount is a whole number.
std::int64_t scaled(std::int64_t difference, double amount) {
    return round_to_integer(static_cast<double>(difference) * amount);
}

class Grower {
  public:
    Grower(const FixtureData& data, const RecordedTable& table, const TableMoment& moment, const ColumnSet& wanted)
        : data_(data), table_(table), moment_(moment) {
        for (std::size_t i = 0; i < table.columns.size(); ++i)
            if (has_column(wanted, i)) wanted_.push_back(i);
    }

    std::vector<Row> run() const {
        const bool second = moment_.time >= 1;
        const std::vector<Row>& shown = second ? table_.poll2 : table_.poll1;
        std::vector<Row> rows;
        rows.reserve(shown.size());
        for (std::size_t i = 0; i < shown.size(); ++i)
            rows.push_back(grown(shown[i], i, second));
        return rows;
    }

  private:
    Row grown(const Row& shown, std::size_t index, bool second) const {
        const SampleGrowth& sample = second ? table_.growth.poll2 : table_.growth.poll1;
        const auto partner = sample.partners[index];
        Row row(shown.size());
        for (const std::size_t i : wanted_) {
            const Growth growth = table_.growth.of(sample, index, i);
            const bool text = std::holds_alternative<std::string>(shown[i]);
            if (text && is_time(table_.columns[i].type.type)) {
                row[i] = moved_date(shown[i], growth);
            } else if (text || is_null(shown[i]) || growth == Growth::none) {
                row[i] = shown[i];
            } else {
                // A row that the first poll does not have began at zero; one that the second lacks stays as it is.
                const Cell first = !second ? shown[i] : partner ? table_.poll1[*partner][i] : Cell{std::int64_t{0}};
                const Cell last = !second && partner ? table_.poll2[*partner][i] : shown[i];
                row[i] = grown_number(first, last, shown[i], growth);
            }
        }
        return row;
    }

    Cell grown_number(const Cell& first, const Cell& second, const Cell& shown, Growth growth) const {
        const auto* exact = std::get_if<std::int64_t>(&shown);
        if (exact == nullptr) return shown;
        const std::int64_t start = integer_of(first);
        const std::int64_t difference = integer_of(second) - start;
        switch (growth) {
            case Growth::work:
                if (moment_.restarted) return Cell{scaled(difference, moment_.work - moment_.restarted_work)};
                return Cell{start + scaled(difference, moment_.work)};
            case Growth::clock:
                return Cell{start + scaled(difference, moment_.time)};
            case Growth::swing:
                return Cell{start + scaled(difference, moment_.swing)};
            case Growth::load:
                return Cell{scaled(start + scaled(difference, moment_.swing), moment_.pace)};
            case Growth::started:
                return Cell{moment_.restarted ? ms_ticks_of_restart() : *exact};
            case Growth::none:
                break;
        }
        return shown;
    }

    std::int64_t ms_ticks_of_restart() const {
        const Cell ticks = data_.identity.poll1.front().at(data_.identity.column("ms_ticks").value());
        return integer_of(ticks) + scaled(data_.ms_between_polls, moment_.restarted_time);
    }

    // Dates of the recording are dates of the simulation moved by a fixed time; what the second poll shows moves on.
    Cell moved_date(const Cell& cell, Growth growth) const {
        const auto ticks = parse_timestamp(to_text(cell));
        if (!ticks) return cell;
        if (growth == Growth::started && moment_.restarted)
            return dated(data_.utc_ticks + data_.utc_offset_ticks + elapsed(moment_.restarted_time) + moment_.shift);
        const double beyond = moment_.time >= 1 ? moment_.time - 1 : moment_.time;
        const std::int64_t recorded = data_.utc_ticks + data_.utc_offset_ticks;
        // What happened shortly before the recording goes on happening.
        constexpr std::int64_t recent = 10 * 60 * 1000 * ticks_per_ms;
        const bool moves = growth == Growth::clock || (growth != Growth::started && *ticks > recorded - recent);
        return dated(*ticks + moment_.shift + (moves ? elapsed(beyond) : 0));
    }
    static Cell dated(std::int64_t ticks) {
        constexpr int datetime_digits = 3;
        return Cell{format_timestamp(ticks, datetime_digits)};
    }
    std::int64_t elapsed(double time) const { return scaled(data_.ms_between_polls, time) * ticks_per_ms; }

    const FixtureData& data_;
    const RecordedTable& table_;
    const TableMoment& moment_;
    std::vector<std::size_t> wanted_;
};

// Replaces the number between two pieces of text by what change makes of it.
template <typename Change>
void change_number(std::string& text, std::string_view before, char behind, Change change) {
    const std::size_t at = text.find(before);
    if (at == std::string::npos) return;
    const std::size_t start = at + before.size();
    const std::size_t end = text.find(behind, start);
    std::int64_t number = 0;
    std::from_chars(text.data() + start, text.data() + text.size(), number);
    text.replace(start, end - start, std::to_string(change(number)));
}

// One record a minute: the second recorded sample holds the first one moved by one record, and so on.
std::vector<Row> ring_buffer_at(const FixtureData& data, const RecordedTable& table, const TableMoment& moment) {
    const bool second = moment.time >= 1;
    const auto records = static_cast<std::int64_t>(std::floor(moment.time)) - (second ? 1 : 0);
    const std::size_t written = table.column("timestamp").value();
    const std::size_t record = table.column("record").value();
    const auto later = [&](std::int64_t time) { return time + records * data.ms_between_polls; };
    const auto busier = [&](std::int64_t percent) {
        return std::clamp<std::int64_t>(round_to_integer(static_cast<double>(percent) * moment.pace), 0, 95);
    };
    std::vector<Row> rows = second ? table.poll2 : table.poll1;
    for (Row& row : rows) {
        row[written] = Cell{later(integer_of(row[written]))};
        auto* text = std::get_if<std::string>(&row[record]);
        if (text == nullptr) continue;
        std::int64_t used = 0;
        change_number(*text, "Record id = \"", '"', [&](std::int64_t id) { return id + records; });
        change_number(*text, "time =\"", '"', later);
        change_number(*text, "<ProcessUtilization>", '<', [&](std::int64_t percent) {
            used = busier(percent) - percent;
            return busier(percent);
        });
        change_number(*text, "<SystemIdle>", '<',
                      [&](std::int64_t percent) { return std::max<std::int64_t>(0, percent - used); });
    }
    return rows;
}

}  // namespace

std::vector<Row> rows_at(const FixtureData& data, const RecordedTable& table, const TableMoment& moment,
                         const ColumnSet& wanted) {
    if (table.name == ring_buffer_table) return ring_buffer_at(data, table, moment);
    return Grower(data, table, moment, wanted).run();
}

}  // namespace tds_server
