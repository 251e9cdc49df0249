#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/tsql_binder.h"
#include "tds_server/tsql_grouping.h"
#include "tds_server/tsql_lexer.h"
#include "tds_server/tsql_plan.h"

namespace tds_server {

namespace {

std::vector<Column> renamed(std::vector<Column> columns, const std::vector<std::string>& names,
                            const std::string& table) {
    if (names.empty()) return columns;
    if (names.size() != columns.size())
        throw SqlError(8158, 16,
                       fmt::format("'{}' has more or fewer columns than were specified in the column list.", table));
    for (std::size_t i = 0; i < names.size(); ++i)
        columns[i].name = names[i];
    return columns;
}

void require_names(const std::vector<Column>& columns, const std::string& table) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (columns[i].name.empty())
            throw SqlError(8155, 16, fmt::format("No column name was specified for column {} of '{}'.", i + 1, table));
        for (std::size_t j = 0; j < i; ++j) {
            if (columns[i].name == columns[j].name)
                throw SqlError(
                    8156, 16,
                    fmt::format("The column '{}' was specified multiple times for '{}'.", columns[i].name, table));
        }
    }
}

std::shared_ptr<const QueryPlan> plan_common_table(const CommonTable& table, const BindContext& before);

class SelectPlanner {
  public:
    SelectPlanner(const Select& select, const std::vector<OrderKey>& order_by, const BindContext& around)
        : select_(select), order_by_(order_by), context_(around) {
        context_.scope = &scope_;
    }

    // Throws SqlError 208 before anything else if a table is missing.
    BoundSelect run() {
        for (const Source& source : select_.sources)
            add_source(source);
        context_.windows = &plan_.windows;
        for (const SelectItem& item : select_.items)
            add_item(item);
        for (const OrderKey& key : order_by_)
            plan_.order_by.push_back({order_key(*key.value), key.descending});
        context_.windows = nullptr;
        if (select_.where) {
            plan_.where = bind(*select_.where);
            if (plan_.where->aggregate)
                throw SqlError(
                    147, 15,
                    "An aggregate may not appear in the WHERE clause unless it is in a subquery contained in a "
                    "HAVING clause or a select list, and the column being aggregated is an outer reference.");
        }
        for (const ExpressionPtr& key : select_.group_by)
            plan_.group_by.push_back(bind(*key));
        if (select_.having) plan_.having = bind(*select_.having);
        if (select_.top) plan_.top = bind(*select_.top);
        plan_.distinct = select_.distinct;
        check_groups();
        return std::move(plan_);
    }

  private:
    void add_source(const Source& source) {
        BoundSource bound;
        bound.join = source.join;
        const bool apply = source.join == Join::cross_apply || source.join == Join::outer_apply;
        std::string name = source.alias;
        if (source.query) {
            bound.query = plan_query(*source.query, context_.server, context_.variables,
                                     apply ? &context_ : context_.outer, &context_);
            bound.columns = renamed(bound.query->columns, source.column_names, name);
            require_names(bound.columns, name);
        } else if (!source.values.empty()) {
            add_values(source, bound);
        } else if (!add_recursion(source, bound) && !add_common_table(source, bound)) {
            add_relation(source, bound);
        }
        if (name.empty()) name = source.table.text();
        for (const ExpressionPtr& argument : source.arguments)
            bound.arguments.push_back(bind(*argument));
        const bool all_before = source.join == Join::right || source.join == Join::full;
        for (ScopeTable& table : scope_)
            table.nullable = table.nullable || all_before;
        const bool outer = source.join == Join::left || source.join == Join::outer_apply || source.join == Join::full;
        check_name_is_free(name);
        if (bound.relation != nullptr) bound.read_columns = std::make_shared<ColumnSet>(bound.columns.size());
        // Arguments of a table-valued function meet the first columns of its rows.
        for (std::size_t i = 0; bound.read_columns && i < std::min(bound.arguments.size(), bound.columns.size()); ++i)
            (*bound.read_columns)[i] = true;
        scope_.push_back({name, bound.columns, outer, bound.read_columns});
        if (source.on) bound.on = bind(*source.on);
        plan_.sources.push_back(std::move(bound));
    }

    void check_name_is_free(const std::string& name) const {
        const bool taken = std::any_of(scope_.begin(), scope_.end(), [&](const ScopeTable& table) {
            return same_name(table.name, name, context_.server.collation());
        });
        if (taken)
            throw SqlError(
                1013, 16,
                fmt::format("The objects \"{}\" and \"{}\" in the FROM clause have the same exposed names. Use "
                            "correlation names to distinguish them.",
                            name, name));
    }

    void add_values(const Source& source, BoundSource& bound) {
        for (const auto& row : source.values) {
            std::vector<BoundExpression> cells;
            for (const ExpressionPtr& cell : row)
                cells.push_back(bind(*cell));
            bound.values.push_back(std::move(cells));
        }
        for (const BoundExpression& cell : bound.values.front())
            bound.columns.push_back({"", cell.type});
        for (const auto& row : bound.values) {
            for (std::size_t i = 0; i < row.size(); ++i) {
                ColumnType& type = bound.columns[i].type;
                const bool null = row[i].constant && is_null(*row[i].constant);
                if (null) {
                    type.nullable = true;
                } else if (is_text(type.type)) {
                    type.length = std::max(type.length, row[i].type.length);
                } else {
                    type.type = std::max(type.type, row[i].type.type);
                }
            }
        }
        bound.columns = renamed(bound.columns, source.column_names, source.alias);
        require_names(bound.columns, source.alias);
    }

    bool add_recursion(const Source& source, BoundSource& bound) const {
        if (context_.recursion == nullptr || source.table.parts.size() != 1) return false;
        if (!same_name(context_.recursion->name, source.table.parts[0], context_.server.collation())) return false;
        bound.recursion = true;
        bound.columns = *context_.recursion_columns;
        return true;
    }

    bool add_common_table(const Source& source, BoundSource& bound) {
        if (source.table.parts.size() != 1) return false;
        for (const BindContext* names = &context_; names != nullptr; names = names->with_next) {
            if (names->with == nullptr) continue;
            for (std::size_t i = 0; i < names->with_count; ++i) {
                const CommonTable& table = (*names->with)[i];
                if (!same_name(table.name, source.table.parts[0], context_.server.collation())) continue;
                // It sees those before itself.
                BindContext before = *names;
                before.with_count = i;
                bound.query = plan_common_table(table, before);
                bound.columns = renamed(bound.query->columns, table.column_names, table.name);
                require_names(bound.columns, table.name);
                return true;
            }
        }
        return false;
    }

    void add_relation(const Source& source, BoundSource& bound) {
        bound.relation = context_.server.relation(source.table, source.function);
        if (bound.relation == nullptr)
            throw SqlError(208, 16, fmt::format("Invalid object name '{}'.", source.table.text()));
        if (bound.relation->function && !source.function)
            throw SqlError(216, 16,
                           fmt::format("Parameters were not supplied for the function '{}'.", source.table.text()));
        if (!bound.relation->function && source.function)
            throw SqlError(
                215, 16,
                fmt::format("Parameters supplied for object '{}' which is not a function.", source.table.text()));
        bound.columns = bound.relation->columns;
    }

    void add_item(const SelectItem& item) {
        if (item.value) {
            const auto* reference = std::get_if<ColumnReference>(&item.value->node);
            const std::string own_name = reference != nullptr ? reference->column : "";
            BoundExpression value = bind(*item.value);
            // A bare NULL is an int.
            add_column(item.alias.empty() ? own_name : item.alias, std::move(value));
            if (!item.variable.empty()) plan_.variables.push_back(item.variable);
            return;
        }
        bool found = false;
        for (std::size_t table = 0; table < scope_.size(); ++table) {
            const bool wanted =
                item.star_table.empty() || same_name(item.star_table, scope_[table].name, context_.server.collation());
            if (!wanted) continue;
            found = true;
            for (std::size_t i = 0; i < scope_[table].columns.size(); ++i)
                add_column(scope_[table].columns[i].name, bind_column(scope_, table, i));
        }
        if (!found)
            throw SqlError(107, 15,
                           "The column prefix does not match with a table name or alias name used in the query.");
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
            if (same_name(plan_.columns[i].name, reference->column, context_.server.collation()))
                return plan_.values[i];
        }
        return bind(expression);
    }

    void check_groups() {
        const auto any = [](const auto& parts, auto of) { return std::any_of(parts.begin(), parts.end(), of); };
        plan_.aggregates = !plan_.group_by.empty() || select_.having ||
                           any(plan_.values, [](const BoundExpression& value) { return value.aggregate; });
        if (!plan_.aggregates) return;
        const GroupingRule rule(context_, select_.group_by);
        for (const SelectItem& item : select_.items)
            if (item.value) rule.check(*item.value);
        if (select_.having) rule.check(*select_.having);
    }

    BoundExpression bind(const Expression& expression) const { return bind_expression(expression, context_); }

    const Select& select_;
    const std::vector<OrderKey>& order_by_;
    BindContext context_;
    Scope scope_;
    BoundSelect plan_;
};

// The columns of a union take the widest type of its branches.
void widen(std::vector<Column>& columns, const std::vector<Column>& others) {
    if (columns.size() != others.size())
        throw SqlError(205, 16,
                       "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of "
                       "expressions in their target lists.");
    for (std::size_t i = 0; i < columns.size(); ++i) {
        ColumnType& type = columns[i].type;
        const ColumnType& other = others[i].type;
        type.nullable = type.nullable || other.nullable;
        if (is_text(type.type) && is_text(other.type)) {
            type.type = std::max(type.type, other.type);
            type.length = std::max(type.length, other.length);
        } else if (is_integer(type.type) && is_integer(other.type)) {
            type.type = std::max(type.type, other.type);
        } else if (is_text(type.type) || (is_integer(type.type) && is_number(other.type))) {
            type = other;
            type.nullable = true;
        }
    }
}

bool reads_itself(const Select& select, const CommonTable& table, const Collation& collation) {
    return std::any_of(select.sources.begin(), select.sources.end(), [&](const Source& source) {
        return source.table.parts.size() == 1 && same_name(source.table.parts[0], table.name, collation);
    });
}

[[noreturn]] void refuse_recursion(int number, std::string_view what, const CommonTable& table) {
    throw SqlError(number, 16,
                   fmt::format("{} not allowed in the recursive part of a recursive common table expression '{}'.",
                               what, table.name));
}

void check_recursive_part(const Select& part, const BoundSelect& bound, const CommonTable& table) {
    if (part.distinct) refuse_recursion(460, "DISTINCT operator is", table);
    if (part.top) refuse_recursion(461, "The TOP or OFFSET operator is", table);
    const bool outer = std::any_of(part.sources.begin(), part.sources.end(), [](const Source& source) {
        return source.join == Join::left || source.join == Join::right || source.join == Join::full ||
               source.join == Join::outer_apply;
    });
    if (outer) refuse_recursion(462, "Outer join is", table);
    if (bound.aggregates) refuse_recursion(467, "GROUP BY, HAVING, or aggregate functions are", table);
}

void check_recursive_types(const std::vector<Column>& anchor, const std::vector<Column>& part,
                           const CommonTable& table) {
    for (std::size_t i = 0; i < anchor.size(); ++i) {
        const ColumnType& a = anchor[i].type;
        const ColumnType& b = part[i].type;
        const bool same = a.type == b.type && a.length == b.length && a.precision == b.precision && a.scale == b.scale;
        if (!same)
            throw SqlError(
                240, 16,
                fmt::format("Types don't match between the anchor and the recursive part in column \"{}\" of "
                            "recursive query \"{}\".",
                            anchor[i].name, table.name));
    }
}

// An anchor UNION ALL one part that reads the table itself.
std::shared_ptr<const QueryPlan> plan_recursion(const CommonTable& table, const BindContext& before) {
    static const std::vector<OrderKey> none;
    const Query& query = *table.query;
    const bool united = query.branches.size() == 2 && query.keep_duplicates.front() &&
                        !reads_itself(query.branches.front(), table, before.server.collation());
    if (!united)
        throw SqlError(252, 16,
                       fmt::format("Recursive common table expression '{}' does not contain a top-level UNION ALL "
                                   "operator.",
                                   table.name));
    BindContext context{before.server, before.variables};
    context.with_next = &before;
    auto plan = std::make_shared<QueryPlan>();
    plan->recursive = true;
    plan->branches.push_back(SelectPlanner(query.branches[0], none, context).run());
    plan->columns = plan->branches[0].columns;
    const std::vector<Column> columns = renamed(plan->columns, table.column_names, table.name);
    require_names(columns, table.name);
    context.recursion = &table;
    context.recursion_columns = &columns;
    plan->branches.push_back(SelectPlanner(query.branches[1], none, context).run());
    check_recursive_part(query.branches[1], plan->branches[1], table);
    widen(plan->columns, plan->branches[1].columns);
    check_recursive_types(plan->branches[0].columns, plan->branches[1].columns, table);
    return plan;
}

std::shared_ptr<const QueryPlan> plan_common_table(const CommonTable& table, const BindContext& before) {
    const bool recursive =
        std::any_of(table.query->branches.begin(), table.query->branches.end(),
                    [&](const Select& select) { return reads_itself(select, table, before.server.collation()); });
    if (recursive) return plan_recursion(table, before);
    return plan_query(*table.query, before.server, before.variables, nullptr, &before);
}

void plan_union_order(const Query& query, const BindContext& context, QueryPlan& plan) {
    const Scope scope{{"", plan.columns, false, nullptr}};
    BindContext over = context;
    over.scope = &scope;
    for (const OrderKey& key : query.order_by) {
        const auto* literal = std::get_if<Literal>(&key.value->node);
        const auto* position = literal != nullptr ? std::get_if<std::int64_t>(&literal->value) : nullptr;
        const bool valid =
            position != nullptr && *position >= 1 && *position <= static_cast<std::int64_t>(plan.columns.size());
        plan.order_by.push_back(
            {valid ? bind_column(scope, 0, static_cast<std::size_t>(*position - 1)) : bind_expression(*key.value, over),
             key.descending});
    }
}

}  // namespace

std::shared_ptr<const QueryPlan> plan_query(const Query& query, const ServerView& server,
                                            const VariableTypes& variables, const BindContext* outer,
                                            const BindContext* names) {
    static const std::vector<OrderKey> none;
    const bool nested = names != nullptr;
    if (nested && !query.order_by.empty() && !query.branches.front().top && !query.offset)
        throw SqlError(
            1033, 15,
            "The ORDER BY clause is invalid in views, inline functions, derived tables, subqueries, and common "
            "table expressions, unless TOP, OFFSET or FOR XML is also specified.");
    BindContext context{server, variables};
    context.outer = outer;
    context.with = &query.with;
    context.with_count = query.with.size();
    context.with_next = names;
    auto plan = std::make_shared<QueryPlan>();
    const bool single = query.branches.size() == 1;
    for (const Select& select : query.branches) {
        plan->branches.push_back(SelectPlanner(select, single ? query.order_by : none, context).run());
        const std::vector<Column>& columns = plan->branches.back().columns;
        if (plan->columns.empty()) {
            plan->columns = columns;
        } else {
            widen(plan->columns, columns);
        }
    }
    plan->keep_duplicates = query.keep_duplicates;
    if (!single) plan_union_order(query, context, *plan);
    if (query.offset) plan->offset = bind_expression(*query.offset, context);
    if (query.fetch) plan->fetch = bind_expression(*query.fetch, context);
    return plan;
}

}  // namespace tds_server
