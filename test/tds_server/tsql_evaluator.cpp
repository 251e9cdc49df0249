#include "tds_server/tsql_evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/tsql_binder.h"
#include "tds_server/tsql_lexer.h"
#include "tds_server/tsql_parser.h"

namespace tds_server {

namespace {

constexpr int invalid_object = 208;

struct BoundSource {
    std::vector<BoundExpression> arguments;
    std::optional<BoundExpression> on;
};

// A SELECT with all its names resolved.
struct Plan {
    Scope scope;
    std::vector<BoundSource> sources;
    std::vector<Column> columns;
    std::vector<BoundExpression> values;
    std::optional<BoundExpression> where;
    std::vector<BoundExpression> group_by;
    std::optional<BoundExpression> having;
    struct Key {
        BoundExpression value;
        bool descending = false;
    };
    std::vector<Key> order_by;
    std::optional<std::size_t> limit;
    bool aggregates = false;
};

bool is_true(const BoundExpression& condition, const Frame& frame) {
    return condition.value(frame) == Cell{true};
}

class Planner {
  public:
    Planner(const Select& select, const ServerView& server) : select_(select), server_(server) {}

    // Throws SqlError 208 before anything else if a table is missing.
    Plan run() {
        for (const Source& source : select_.sources)
            add_table(source);
        for (std::size_t i = 0; i < select_.sources.size(); ++i)
            bind_source(select_.sources[i], i);
        for (const SelectItem& item : select_.items)
            add_item(item);
        if (select_.where) plan_.where = bind_here(*select_.where);
        for (const ExpressionPtr& key : select_.group_by)
            plan_.group_by.push_back(bind_here(*key));
        if (select_.having) plan_.having = bind_here(*select_.having);
        for (const OrderKey& key : select_.order_by)
            plan_.order_by.push_back({order_key(*key.value), key.descending});
        if (select_.top)
            plan_.limit = static_cast<std::size_t>(std::max(0.0, to_double(bind_here(*select_.top).value({}))));
        plan_.aggregates =
            !plan_.group_by.empty() || std::any_of(plan_.values.begin(), plan_.values.end(),
                                                   [](const BoundExpression& value) { return value.aggregate; });
        return std::move(plan_);
    }

  private:
    void add_table(const Source& source) {
        const auto* columns = server_.columns(source.table);
        if (columns == nullptr)
            throw SqlError(invalid_object, 16, fmt::format("Invalid object name '{}'.", source.table));
        const bool outer = source.join == Join::left || source.join == Join::outer_apply;
        plan_.scope.push_back({source.alias.empty() ? source.table : source.alias, columns, outer});
    }

    void bind_source(const Source& source, std::size_t index) {
        // Arguments see the tables to their left, conditions also their own.
        const Scope left(plan_.scope.begin(), plan_.scope.begin() + static_cast<std::ptrdiff_t>(index));
        const Scope own(plan_.scope.begin(), plan_.scope.begin() + static_cast<std::ptrdiff_t>(index) + 1);
        BoundSource bound;
        for (const ExpressionPtr& argument : source.arguments)
            bound.arguments.push_back(bind_expression(*argument, left, server_));
        if (source.on) bound.on = bind_expression(*source.on, own, server_);
        plan_.sources.push_back(std::move(bound));
    }

    void add_item(const SelectItem& item) {
        if (item.value) {
            const auto* reference = std::get_if<ColumnReference>(&item.value->node);
            const std::string own_name = reference != nullptr ? reference->column : "";
            add_column(item.alias.empty() ? own_name : item.alias, bind_here(*item.value));
            return;
        }
        for (std::size_t table = 0; table < plan_.scope.size(); ++table) {
            if (!item.star_table.empty() && !same_text(item.star_table, plan_.scope[table].name)) continue;
            const auto& columns = *plan_.scope[table].columns;
            for (std::size_t i = 0; i < columns.size(); ++i)
                add_column(columns[i].name, bind_column(plan_.scope, table, i));
        }
    }
    void add_column(const std::string& name, BoundExpression value) {
        plan_.columns.push_back({name, value.type});
        plan_.values.push_back(std::move(value));
    }

    // A position or an alias of the list of columns, or any expression.
    BoundExpression order_key(const Expression& expression) const {
        if (const auto* literal = std::get_if<Literal>(&expression.node)) {
            const auto* position = std::get_if<std::int64_t>(&literal->value);
            const bool valid =
                position != nullptr && *position >= 1 && *position <= static_cast<std::int64_t>(plan_.values.size());
            if (!valid)
                throw SqlError(
                    108, 15, "The ORDER BY position number is out of range of the number of items in the select list.");
            return plan_.values[static_cast<std::size_t>(*position - 1)];
        }
        const auto* reference = std::get_if<ColumnReference>(&expression.node);
        for (std::size_t i = 0; reference != nullptr && reference->table.empty() && i < plan_.columns.size(); ++i) {
            if (same_text(plan_.columns[i].name, reference->column)) return plan_.values[i];
        }
        return bind_here(expression);
    }

    BoundExpression bind_here(const Expression& expression) const {
        return bind_expression(expression, plan_.scope, server_);
    }

    const Select& select_;
    const ServerView& server_;
    Plan plan_;
};

class SelectRun {
  public:
    SelectRun(const Select& select, const ServerView& server)
        : select_(select), server_(server), plan_(Planner(select, server).run()) {}

    ResultSet run() {
        ResultSet set;
        set.columns = plan_.columns;
        std::vector<Tuple> tuples = join();
        if (plan_.aggregates) {
            const std::vector<std::vector<Tuple>> groups = group(std::move(tuples));
            std::vector<Frame> frames;
            for (const auto& members : groups)
                frames.push_back({members.empty() ? nullptr : &members.front(), &members});
            if (plan_.having) std::erase_if(frames, [&](const Frame& frame) { return !is_true(*plan_.having, frame); });
            fill(set, std::move(frames));
        } else {
            std::vector<Frame> frames;
            for (const Tuple& tuple : tuples)
                frames.push_back({&tuple, nullptr});
            fill(set, std::move(frames));
        }
        return set;
    }

  private:
    std::vector<Tuple> join() {
        std::vector<Tuple> tuples{Tuple{}};
        for (const Source& source : select_.sources)
            tables_.push_back(server_.rows(source.table));
        for (std::size_t i = 0; i < select_.sources.size(); ++i)
            tuples = join_next(tuples, i);
        if (plan_.where)
            std::erase_if(tuples, [&](const Tuple& tuple) { return !is_true(*plan_.where, {&tuple, nullptr}); });
        return tuples;
    }

    std::vector<Tuple> join_next(const std::vector<Tuple>& lefts, std::size_t index) const {
        const BoundSource& source = plan_.sources[index];
        std::vector<Tuple> joined;
        for (const Tuple& left : lefts) {
            bool matched = false;
            std::vector<Cell> arguments;
            for (const BoundExpression& argument : source.arguments)
                arguments.push_back(argument.value({&left, nullptr}));
            for (const Row& row : tables_[index]) {
                if (!fits_arguments(row, arguments)) continue;
                Tuple tuple = left;
                tuple.push_back(&row);
                if (source.on && !is_true(*source.on, {&tuple, nullptr})) continue;
                matched = true;
                joined.push_back(std::move(tuple));
            }
            if (matched || !plan_.scope[index].nullable) continue;
            Tuple tuple = left;
            tuple.push_back(nullptr);
            joined.push_back(std::move(tuple));
        }
        return joined;
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
        std::map<std::vector<std::string>, std::size_t> known;
        if (plan_.group_by.empty()) {
            groups.push_back(std::move(tuples));
            return groups;
        }
        for (Tuple& tuple : tuples) {
            std::vector<std::string> key;
            for (const BoundExpression& part : plan_.group_by)
                key.push_back(identity(part.value({&tuple, nullptr})));
            const auto [entry, added] = known.emplace(std::move(key), groups.size());
            if (added) groups.emplace_back();
            groups[entry->second].push_back(std::move(tuple));
        }
        return groups;
    }

    static std::string identity(const Cell& value) { return is_null(value) ? "-" : "+" + to_text(value); }

    void fill(ResultSet& set, std::vector<Frame> frames) const {
        struct Candidate {
            Row row;
            std::vector<Cell> keys;
        };
        std::vector<Candidate> candidates;
        for (const Frame& frame : frames) {
            Candidate candidate;
            for (const BoundExpression& value : plan_.values)
                candidate.row.push_back(value.value(frame));
            for (const Plan::Key& key : plan_.order_by)
                candidate.keys.push_back(key.value.value(frame));
            candidates.push_back(std::move(candidate));
        }
        std::stable_sort(candidates.begin(), candidates.end(),
                         [&](const Candidate& a, const Candidate& b) { return precedes(a.keys, b.keys); });
        std::set<std::vector<std::string>> seen;
        for (Candidate& candidate : candidates) {
            if (plan_.limit && set.rows.size() >= *plan_.limit) return;
            if (select_.distinct && !seen.insert(identities(candidate.row)).second) continue;
            set.rows.push_back(std::move(candidate.row));
        }
    }

    static std::vector<std::string> identities(const Row& row) {
        std::vector<std::string> texts;
        std::transform(row.begin(), row.end(), std::back_inserter(texts), identity);
        return texts;
    }

    bool precedes(const std::vector<Cell>& a, const std::vector<Cell>& b) const {
        for (std::size_t i = 0; i < a.size(); ++i) {
            const bool numbers = is_number(plan_.order_by[i].value.type.type);
            // NULL is the least value.
            const int order = is_null(a[i]) || is_null(b[i])
                                  ? static_cast<int>(is_null(b[i])) - static_cast<int>(is_null(a[i]))
                                  : compare(a[i], b[i], numbers);
            if (order != 0) return plan_.order_by[i].descending ? order > 0 : order < 0;
        }
        return false;
    }

    const Select& select_;
    const ServerView& server_;
    Plan plan_;
    std::vector<std::vector<Row>> tables_;
};

void append(Reply& reply, Reply more) {
    std::move(more.begin(), more.end(), std::back_inserter(reply));
}

class BatchRun {
  public:
    explicit BatchRun(const ServerView& server) : server_(server) {}

    // False: the batch ends here.
    bool run(const Statement& statement) {
        try {
            std::visit([&](const auto& node) { run_node(node); }, statement.node);
        } catch (const SqlError& error) {
            reply_.emplace_back(error.message());
            constexpr int permission_denied = 300;
            if (error.message().number == permission_denied)
                reply_.emplace_back(
                    ServerMessage{297, 16, 1, "The user does not have permission to perform this action."});
            return error.message().number != invalid_object && error.message().number != missing_procedure;
        }
        return !ended_;
    }

    Reply take() { return std::move(reply_); }

  private:
    static constexpr int missing_procedure = 2812;

    void run_node(const Accepted&) {}
    void run_node(const Select& select) { reply_.emplace_back(SelectRun(select, server_).run()); }
    void run_node(const Print& print) { reply_.emplace_back(ServerMessage{0, 0, 1, to_text(value_of(*print.text))}); }
    void run_node(const Use& use) {
        reply_.emplace_back(ServerMessage{5701, 10, 2, fmt::format("Changed database context to '{}'.", use.database)});
    }
    void run_node(const If& node) {
        if (value_of(*node.condition) == Cell{true}) {
            ended_ = !run(*node.then);
        } else if (node.otherwise) {
            ended_ = !run(*node.otherwise);
        }
    }
    void run_node(const Execute& execute) {
        std::vector<Cell> arguments;
        for (const ExpressionPtr& argument : execute.arguments)
            arguments.push_back(value_of(*argument));
        const bool dynamic =
            same_text(execute.procedure, "sp_executesql") || same_text(execute.procedure, "sys.sp_executesql");
        if (dynamic && !arguments.empty()) {
            append(reply_, run_batch(parse_batch(to_text(arguments.front())), server_));
        } else {
            append(reply_, server_.call(execute.procedure, arguments));
        }
    }

    Cell value_of(const Expression& expression) const { return bind_expression(expression, {}, server_).value({}); }

    const ServerView& server_;
    Reply reply_;
    bool ended_ = false;
};

// Names are resolved when the batch is compiled, unless a table is missing: then when its statement runs.
void check_names(const Statement& statement, const ServerView& server) {
    const auto* select = std::get_if<Select>(&statement.node);
    if (select == nullptr) return;
    try {
        Planner(*select, server).run();
    } catch (const SqlError& error) {
        if (error.message().number != invalid_object) throw;
    }
}

}  // namespace

Reply run_batch(const Batch& batch, const ServerView& server) {
    BatchRun run(server);
    for (const Statement& statement : batch)
        check_names(statement, server);
    for (const Statement& statement : batch) {
        if (!run.run(statement)) break;
    }
    return run.take();
}

bool reads_table(const Batch& batch, std::string_view table) {
    const auto reads = [&](const Source& source) { return same_text(source.table, table); };
    return std::any_of(batch.begin(), batch.end(), [&](const Statement& statement) {
        const auto* select = std::get_if<Select>(&statement.node);
        return select != nullptr && std::any_of(select->sources.begin(), select->sources.end(), reads);
    });
}

}  // namespace tds_server
