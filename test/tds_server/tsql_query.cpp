// Runs planned queries.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/tsql_aggregates.h"
#include "tds_server/tsql_binder.h"
#include "tds_server/tsql_lexer.h"
#include "tds_server/tsql_plan.h"

namespace tds_server {

namespace {

bool is_true(const BoundExpression& condition, const Frame& frame) {
    const Cell value = condition.value(frame);
    const auto* truth = std::get_if<bool>(&value);
    return truth != nullptr && *truth;
}

std::string identity(const Cell& value, const Collation& collation) {
    return is_null(value) ? "-" : "+" + collation_key(to_text(value), collation);
}

std::vector<std::string> identities(const Row& row, const Collation& collation) {
    std::vector<std::string> texts;
    std::transform(row.begin(), row.end(), std::back_inserter(texts),
                   [&](const Cell& cell) { return identity(cell, collation); });
    return texts;
}

std::vector<Cell> values_of(const std::vector<BoundExpression>& expressions, const Frame& frame) {
    std::vector<Cell> values;
    values.reserve(expressions.size());
    for (const BoundExpression& expression : expressions)
        values.push_back(expression.value(frame));
    return values;
}

std::vector<Cell> values_of(const std::vector<BoundOrder>& keys, const Frame& frame) {
    std::vector<Cell> values;
    values.reserve(keys.size());
    for (const BoundOrder& key : keys)
        values.push_back(key.value.value(frame));
    return values;
}

// Less than, equal, greater than zero. NULL is the least value.
int order_of(const std::vector<Cell>& a, const std::vector<Cell>& b, const std::vector<BoundOrder>& keys,
             const Collation& collation) {
    for (std::size_t i = 0; i < a.size(); ++i) {
        const int order =
            is_null(a[i]) || is_null(b[i])
                ? static_cast<int>(is_null(b[i])) - static_cast<int>(is_null(a[i]))
                : compare_bound(a[i], b[i], keys[i].value.type, keys[i].value.collation.value_or(collation));
        if (order != 0) return keys[i].descending ? -order : order;
    }
    return 0;
}

std::size_t count_of(const std::optional<BoundExpression>& expression, const Frame& frame, std::size_t otherwise) {
    if (!expression) return otherwise;
    return static_cast<std::size_t>(std::max(0.0, to_double(expression->value(frame))));
}

class SelectRun {
  public:
    SelectRun(const BoundSelect& plan, const QueryFrame& around)
        : plan_(plan), around_(around), collation_(around.server.collation()) {}

    std::vector<Row> run() {
        std::vector<Tuple> tuples = join();
        if (plan_.where)
            std::erase_if(tuples, [&](const Tuple& tuple) { return !is_true(*plan_.where, frame(&tuple)); });
        if (!plan_.aggregates) {
            std::vector<Frame> frames;
            frames.reserve(tuples.size());
            for (const Tuple& tuple : tuples)
                frames.push_back(frame(&tuple));
            return rows_of(std::move(frames));
        }
        const std::vector<std::vector<Tuple>> groups = group(std::move(tuples));
        static const Tuple none;
        std::vector<Frame> frames;
        for (const auto& members : groups) {
            frames.push_back(frame(members.empty() ? &none : &members.front()));
            frames.back().group = &members;
        }
        if (plan_.having) std::erase_if(frames, [&](const Frame& group) { return !is_true(*plan_.having, group); });
        return rows_of(std::move(frames));
    }

  private:
    Frame frame(const Tuple* tuple) const {
        Frame made;
        made.tuple = tuple;
        made.outer = around_.outer;
        made.server = &around_.server;
        made.variables = &around_.variables;
        return made;
    }

    std::vector<Tuple> join() {
        std::vector<Tuple> tuples{Tuple{}};
        for (const BoundSource& source : plan_.sources)
            tuples = join_next(tuples, source);
        return tuples;
    }

    // The rows stay where they are as long as tuples point at them.
    RowsPtr keep(std::vector<Row> rows) {
        kept_.push_back(std::make_shared<const std::vector<Row>>(std::move(rows)));
        return kept_.back();
    }

    // What is the same for every row to the left.
    RowsPtr rows_of_source(const BoundSource& source) {
        if (source.relation != nullptr) {
            kept_.push_back(around_.server.rows(*source.relation, *source.read_columns));
            return kept_.back();
        }
        if (source.recursion) return keep(*around_.recursion);
        if (source.query) return keep(run_query(*source.query, {around_.server, around_.variables, around_.outer}));
        std::vector<Row> rows;
        const Frame outside = frame(nullptr);
        for (const auto& cells : source.values) {
            Row row = values_of(cells, outside);
            for (std::size_t i = 0; i < row.size(); ++i)
                row[i] = convert(row[i], source.columns[i].type);
            rows.push_back(std::move(row));
        }
        return keep(std::move(rows));
    }

    std::vector<Tuple> join_next(const std::vector<Tuple>& lefts, const BoundSource& source) {
        const bool apply = source.join == Join::cross_apply || source.join == Join::outer_apply;
        const bool lateral = apply && source.query != nullptr;
        RowsPtr rows = lateral ? nullptr : rows_of_source(source);
        std::set<const Row*> matched_rows;
        const bool keeps_rights = source.join == Join::right || source.join == Join::full;
        std::vector<Tuple> joined;
        for (const Tuple& left : lefts) {
            const Frame outside = frame(&left);
            if (lateral) rows = keep(run_query(*source.query, {around_.server, around_.variables, &outside}));
            const std::vector<Cell> arguments = values_of(source.arguments, outside);
            const std::size_t before = joined.size();
            Tuple tuple = left;
            tuple.push_back(nullptr);
            const Frame beside = frame(&tuple);
            for (const Row& row : *rows) {
                if (!fits_arguments(row, arguments)) continue;
                tuple.back() = &row;
                if (source.on && !is_true(*source.on, beside)) continue;
                if (keeps_rights) matched_rows.insert(&row);
                joined.push_back(tuple);
            }
            const bool keeps_left =
                source.join == Join::left || source.join == Join::outer_apply || source.join == Join::full;
            if (joined.size() != before || !keeps_left) continue;
            joined.push_back(left);
            joined.back().push_back(nullptr);
        }
        if (keeps_rights) add_unmatched(*rows, matched_rows, lefts, joined);
        return joined;
    }

    static void add_unmatched(const std::vector<Row>& rows, const std::set<const Row*>& matched,
                              const std::vector<Tuple>& lefts, std::vector<Tuple>& joined) {
        const std::size_t width = lefts.empty() ? 0 : lefts.front().size();
        for (const Row& row : rows) {
            if (matched.contains(&row)) continue;
            Tuple tuple(width, nullptr);
            tuple.push_back(&row);
            joined.push_back(std::move(tuple));
        }
    }

    // The table-valued functions of the fixture take the first columns of their rows as arguments; NULL means all.
    static bool fits_arguments(const Row& row, const std::vector<Cell>& arguments) {
        for (std::size_t i = 0; i < arguments.size() && i < row.size(); ++i) {
            if (!is_null(arguments[i]) && compare(arguments[i], row[i], false) != 0) return false;
        }
        return true;
    }

    std::vector<std::vector<Tuple>> group(std::vector<Tuple> tuples) const {
        std::vector<std::vector<Tuple>> groups;
        if (plan_.group_by.empty()) {
            groups.push_back(std::move(tuples));
            return groups;
        }
        std::map<std::vector<std::string>, std::size_t> known;
        for (Tuple& tuple : tuples) {
            const auto [entry, added] =
                known.emplace(identities(values_of(plan_.group_by, frame(&tuple)), collation_), groups.size());
            if (added) groups.emplace_back();
            groups[entry->second].push_back(std::move(tuple));
        }
        return groups;
    }

    Row row_of(const Frame& frame) const {
        if (around_.wanted == nullptr) return values_of(plan_.values, frame);
        Row row(plan_.values.size());
        for (std::size_t i = 0; i < row.size(); ++i)
            if (has_column(*around_.wanted, i)) row[i] = plan_.values[i].value(frame);
        return row;
    }

    struct Candidate {
        const Frame* frame = nullptr;
        std::vector<Cell> keys;
    };

    std::vector<Row> rows_of(std::vector<Frame> frames) const {
        const std::vector<std::vector<Cell>> windows = windows_of(frames);
        for (std::size_t i = 0; i < windows.size(); ++i)
            frames[i].windows = &windows[i];
        if (around_.assigned != nullptr) assign(frames);
        const std::vector<Candidate> candidates = in_order(frames);
        const std::size_t limit = count_of(plan_.top, frame(nullptr), candidates.size());
        std::vector<Row> rows;
        rows.reserve(std::min(limit, candidates.size()));
        std::set<std::vector<std::string>> seen;
        for (const Candidate& candidate : candidates) {
            if (rows.size() >= limit) break;
            Row row = row_of(*candidate.frame);
            if (plan_.distinct && !seen.insert(identities(row, collation_)).second) continue;
            rows.push_back(std::move(row));
        }
        return rows;
    }

    void assign(const std::vector<Frame>& frames) const {
        for (const Frame& each : frames) {
            Row row = row_of(each);
            for (std::size_t v = 0; v < plan_.variables.size(); ++v)
                (*around_.assigned)[plan_.variables[v]] = std::move(row[v]);
        }
    }

    std::vector<Candidate> in_order(const std::vector<Frame>& frames) const {
        std::vector<Candidate> candidates;
        candidates.reserve(frames.size());
        for (const Frame& each : frames)
            candidates.push_back({&each, values_of(plan_.order_by, each)});
        if (!plan_.order_by.empty())
            std::stable_sort(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
                return order_of(a.keys, b.keys, plan_.order_by, collation_) < 0;
            });
        return candidates;
    }

    // One vector a frame, with one value a window function.
    std::vector<std::vector<Cell>> windows_of(const std::vector<Frame>& frames) const {
        std::vector<std::vector<Cell>> values;
        if (plan_.windows.empty()) return values;
        values.resize(frames.size());
        for (const BoundWindow& window : plan_.windows) {
            std::map<std::vector<std::string>, std::vector<std::size_t>> partitions;
            for (std::size_t i = 0; i < frames.size(); ++i)
                partitions[identities(values_of(window.partition_by, frames[i]), collation_)].push_back(i);
            for (const auto& entry : partitions)
                fill_window(window, frames, entry.second, values);
        }
        return values;
    }

    void fill_window(const BoundWindow& window, const std::vector<Frame>& frames, std::vector<std::size_t> members,
                     std::vector<std::vector<Cell>>& values) const {
        if (is_aggregate(window.function)) {
            std::vector<Cell> all;
            for (const std::size_t i : members)
                all.push_back(window.arguments.empty() ? Cell{true} : window.arguments.front().value(frames[i]));
            const ColumnType type = window.arguments.empty() ? ColumnType{} : window.arguments.front().type;
            const Cell whole = aggregate_values(window.function, type, all, false, collation_);
            for (const std::size_t i : members)
                values[i].push_back(whole);
            return;
        }
        std::unordered_map<std::size_t, std::vector<Cell>> keys;
        for (const std::size_t i : members)
            keys[i] = values_of(window.order_by, frames[i]);
        std::stable_sort(members.begin(), members.end(), [&](std::size_t a, std::size_t b) {
            return order_of(keys[a], keys[b], window.order_by, collation_) < 0;
        });
        std::int64_t rank = 0;
        std::int64_t dense = 0;
        for (std::size_t i = 0; i < members.size(); ++i) {
            const auto number = static_cast<std::int64_t>(i) + 1;
            const bool same =
                i > 0 && order_of(keys[members[i - 1]], keys[members[i]], window.order_by, collation_) == 0;
            rank = same ? rank : number;
            dense += same ? 0 : 1;
            values[members[i]].push_back(Cell{same_text(window.function, "RANK")         ? rank
                                              : same_text(window.function, "DENSE_RANK") ? dense
                                                                                         : number});
        }
    }

    const BoundSelect& plan_;
    const QueryFrame& around_;
    const Collation& collation_;
    std::deque<RowsPtr> kept_;
};

void convert_rows(std::vector<Row>& rows, const std::vector<Column>& from, const std::vector<Column>& to) {
    for (std::size_t i = 0; i < to.size(); ++i) {
        if (from[i].type.type == to[i].type.type) continue;
        for (Row& row : rows)
            row[i] = convert(row[i], to[i].type);
    }
}

void sort_rows(std::vector<Row>& rows, const std::vector<BoundOrder>& keys, const QueryFrame& around) {
    if (keys.empty()) return;
    const auto key_of = [&](const Row& row) {
        const Tuple tuple{&row};
        Frame frame;
        frame.tuple = &tuple;
        frame.server = &around.server;
        frame.variables = &around.variables;
        return values_of(keys, frame);
    };
    std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
        return order_of(key_of(a), key_of(b), keys, around.server.collation()) < 0;
    });
}

void drop_duplicates(std::vector<Row>& rows, const Collation& collation) {
    std::set<std::vector<std::string>> seen;
    std::erase_if(rows, [&](const Row& row) { return !seen.insert(identities(row, collation)).second; });
}

// Without OPTION (MAXRECURSION n).
constexpr int max_recursion = 100;

std::vector<Row> run_recursion(const QueryPlan& plan, const QueryFrame& frame) {
    std::vector<Row> rows = SelectRun(plan.branches[0], frame).run();
    std::vector<Row> last = rows;
    for (int round = 0; !last.empty(); ++round) {
        if (round > max_recursion)
            throw SqlError(530, 16,
                           fmt::format("The statement terminated. The maximum recursion {} has been exhausted before "
                                       "statement completion.",
                                       max_recursion));
        QueryFrame again = frame;
        again.recursion = &last;
        last = SelectRun(plan.branches[1], again).run();
        rows.insert(rows.end(), last.begin(), last.end());
    }
    return rows;
}

}  // namespace

bool QueryPlan::has_independent_columns() const {
    const bool distinct =
        std::any_of(branches.begin(), branches.end(), [](const BoundSelect& branch) { return branch.distinct; });
    const bool all = std::all_of(keep_duplicates.begin(), keep_duplicates.end(), [](bool keep) { return keep; });
    return all && !distinct && !recursive && order_by.empty();
}

std::vector<Row> run_query(const QueryPlan& plan, const QueryFrame& frame) {
    if (plan.recursive) return run_recursion(plan, frame);
    std::vector<Row> rows;
    for (std::size_t i = 0; i < plan.branches.size(); ++i) {
        std::vector<Row> more = SelectRun(plan.branches[i], frame).run();
        if (plan.branches.size() == 1) {
            rows = std::move(more);
            break;
        }
        convert_rows(more, plan.branches[i].columns, plan.columns);
        std::move(more.begin(), more.end(), std::back_inserter(rows));
        if (i > 0 && !plan.keep_duplicates[i - 1]) drop_duplicates(rows, frame.server.collation());
    }
    sort_rows(rows, plan.order_by, frame);
    if (!plan.offset) return rows;
    Frame outside;
    outside.server = &frame.server;
    outside.variables = &frame.variables;
    const std::size_t skip = std::min(rows.size(), count_of(plan.offset, outside, 0));
    rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(skip));
    rows.resize(std::min(rows.size(), count_of(plan.fetch, outside, rows.size())));
    return rows;
}

void run_assignment(const QueryPlan& plan, const QueryFrame& frame, Variables& variables) {
    QueryFrame assigning = frame;
    assigning.assigned = &variables;
    run_query(plan, assigning);
}

}  // namespace tds_server
