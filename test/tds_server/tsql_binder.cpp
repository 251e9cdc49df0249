#include "tds_server/tsql_binder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>
#include <utility>

#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/tsql_aggregates.h"
#include "tds_server/tsql_functions.h"
#include "tds_server/tsql_lexer.h"
#include "tds_server/tsql_operators.h"

namespace tds_server {

namespace {

constexpr ColumnType truth_type{SqlType::bit};

// DATEDIFF and its like take the bare name of a unit as their first argument.
bool takes_unit(std::string_view function) {
    static constexpr std::array<std::string_view, 5> functions{"DATEDIFF", "DATEDIFF_BIG", "DATEADD", "DATEPART",
                                                               "DATENAME"};
    return std::any_of(functions.begin(), functions.end(),
                       [&](std::string_view known) { return same_text(known, function); });
}

bool matches_table(const ScopeTable& table, std::string_view qualifier, const Collation& collation) {
    const std::string_view last = std::string_view(table.name).substr(table.name.rfind('.') + 1);
    return same_name(table.name, qualifier, collation) || same_name(last, qualifier, collation);
}

bool holds(Operator op, int order) {
    switch (op) {
        case Operator::equal:
            return order == 0;
        case Operator::unequal:
            return order != 0;
        case Operator::less:
            return order < 0;
        case Operator::less_equal:
            return order <= 0;
        case Operator::greater:
            return order > 0;
        default:
            return order >= 0;
    }
}

// Whether the wanted value is in the list; NULL if that depends on a NULL in it.
Cell is_among(const Cell& wanted, const std::vector<BoundExpression>& values, const ColumnType& type,
              const Collation& collation, const Frame& frame) {
    if (is_null(wanted)) return {};
    bool unknown = false;
    Cell room;
    for (const BoundExpression& value : values) {
        const Cell& candidate = value.read(frame, room);
        if (is_null(candidate)) {
            unknown = true;
        } else if (compare_bound(wanted, candidate, type, collation) == 0) {
            return Cell{true};
        }
    }
    return unknown ? Cell{} : Cell{false};
}

// Two sides meet in this type: the more exact of two of a family, numbers before texts, times before texts.
ColumnType common_type(const ColumnType& a, const ColumnType& b) {
    const auto rank = [](const ColumnType& type) {
        if (is_approximate(type.type)) return 6;
        if (is_time(type.type)) return 5;
        if (is_exact(type.type)) return 4;
        if (is_integer(type.type)) return 3;
        return is_text(type.type) ? 2 : 1;
    };
    ColumnType common = rank(a) >= rank(b) ? a : b;
    if (rank(a) == rank(b) && is_integer(a.type)) common.type = std::max(a.type, b.type);
    if (rank(a) == rank(b) && (is_text(a.type) || a.type == SqlType::varbinary)) {
        common.type = std::max(a.type, b.type);
        common.length = std::max(a.length, b.length);
    }
    if (rank(a) == rank(b) && is_exact(a.type)) {
        common.precision = 38;
        common.scale = std::max(a.scale, b.scale);
    }
    common.nullable = a.nullable || b.nullable;
    return common;
}

class Binder {
  public:
    explicit Binder(const BindContext& context) : context_(context), server_(context.server) {}

    BoundExpression operator()(const Literal& literal) const {
        ColumnType type = literal.type;
        type.nullable = is_null(literal.value);
        BoundExpression bound{type, [value = literal.value](const Frame&) { return value; }};
        bound.constant = literal.value;
        return bound;
    }

    BoundExpression operator()(const ColumnReference& reference) const {
        bool known_table = reference.table.empty();
        int level = 0;
        for (const BindContext* context = &context_; context != nullptr; context = context->outer, ++level) {
            if (context->scope == nullptr) continue;
            if (auto found = find_column(*context->scope, reference, known_table))
                return level == 0 ? std::move(*found) : in_outer_frame(std::move(*found), level);
        }
        if (!known_table)
            throw SqlError(4104, 16,
                           fmt::format("The multi-part identifier \"{}.{}\" could not be bound.", reference.table,
                                       reference.column));
        throw SqlError(207, 16, fmt::format("Invalid column name '{}'.", reference.column));
    }

    BoundExpression operator()(const Variable& variable) const {
        const auto declared =
            std::find_if(context_.variables.begin(), context_.variables.end(),
                         [&](const auto& known) { return same_name(known.first, variable.name, server_.collation()); });
        if (declared == context_.variables.end()) return bind_variable(variable.name, server_);
        return {declared->second, [name = declared->first](const Frame& frame) {
                    const auto found = frame.variables->find(name);
                    return found != frame.variables->end() ? found->second : Cell{};
                }};
    }

    BoundExpression operator()(const Call& call) const {
        std::vector<BoundExpression> arguments;
        for (const ExpressionPtr& argument : call.arguments) {
            const auto* unit = std::get_if<ColumnReference>(&argument->node);
            if (arguments.empty() && takes_unit(call.name) && unit != nullptr) {
                arguments.push_back((*this)(Literal{Cell{unit->column}, {SqlType::nvarchar, 20}}));
            } else {
                arguments.push_back(visit(*argument));
            }
        }
        if (call.window) return windowed(call, std::move(arguments));
        if (is_aggregate(call.name)) {
            if (any_aggregate(arguments))
                throw SqlError(130, 15,
                               "Cannot perform an aggregate function on an expression containing an aggregate or a "
                               "subquery.");
            return bind_aggregate(call.name, call.distinct, std::move(arguments), server_.collation());
        }
        const bool aggregate = any_aggregate(arguments);
        BoundExpression bound = bind_function(call.name, std::move(arguments), server_);
        bound.aggregate = aggregate;
        return bound;
    }

    BoundExpression operator()(const Cast& cast) const {
        BoundExpression operand = visit(*cast.operand);
        const bool aggregate = operand.aggregate;
        ColumnType type = cast.type;
        type.nullable = operand.type.nullable || cast.or_null;
        return {type,
                [type, or_null = cast.or_null, style = cast.style, operand = std::move(operand)](const Frame& frame) {
                    Cell room;
                    const Cell& value = operand.read(frame, room);
                    try {
                        return convert_styled(value, operand.type, type, style);
                    } catch (const SqlError&) {
                        if (or_null) return Cell{};
                        throw;
                    }
                },
                aggregate};
    }

    BoundExpression operator()(const Collated& collated) const {
        BoundExpression operand = visit(*collated.operand);
        if (!is_text(operand.type.type) && !operand.constant)
            throw SqlError(
                447, 16,
                fmt::format("Expression type {} is invalid for COLLATE clause.", type_name(operand.type.type)));
        operand.collation = collated.collation.value_or(server_.collation());
        return operand;
    }

    BoundExpression operator()(const Operation& operation) const {
        if (operation.op == Operator::negation) return negate(visit(*operation.left));
        BoundExpression left = visit(*operation.left);
        BoundExpression right = visit(*operation.right);
        switch (operation.op) {
            case Operator::conjunction:
            case Operator::disjunction:
                return connect(operation.op == Operator::conjunction, std::move(left), std::move(right));
            case Operator::add:
            case Operator::subtract:
            case Operator::multiply:
            case Operator::divide:
            case Operator::modulo:
            case Operator::bit_and:
            case Operator::bit_or:
            case Operator::bit_xor:
                return compute(operation.op, std::move(left), std::move(right));
            case Operator::like:
                return like(std::move(left), std::move(right));
            default:
                return compare_with(operation.op, std::move(left), std::move(right));
        }
    }

    BoundExpression operator()(const InList& list) const {
        BoundExpression operand = visit(*list.operand);
        std::vector<BoundExpression> values;
        ColumnType type = operand.type;
        Collation collation = operand.collation.value_or(server_.collation());
        bool constants = true;
        for (const ExpressionPtr& value : list.values) {
            values.push_back(visit(*value));
            type = common_type(type, values.back().type);
            constants = constants && values.back().constant && !is_null(*values.back().constant);
        }
        const bool aggregate = operand.aggregate || any_aggregate(values);
        if (constants && is_text(type.type))
            return negated_if(list.negated, among_texts(std::move(operand), values, collation));
        for (BoundExpression& value : values)
            value = as_type(std::move(value), type);
        operand = as_type(std::move(operand), type);
        BoundExpression any{
            truth_type,
            [type, collation, operand = std::move(operand), values = std::move(values)](const Frame& frame) {
                Cell room;
                return is_among(operand.read(frame, room), values, type, collation, frame);
            },
            aggregate};
        return negated_if(list.negated, std::move(any));
    }

    BoundExpression operator()(const InQuery& in) const {
        BoundExpression operand = visit(*in.operand);
        const auto plan = subquery(*in.query);
        require_one_column(*plan);
        const ColumnType type = common_type(operand.type, plan->columns.front().type);
        const Collation collation = operand.collation.value_or(server_.collation());
        BoundExpression any{
            truth_type, [=, operand = std::move(operand)](const Frame& frame) {
                const Cell wanted = operand.value(frame);
                const std::vector<Row> rows = run_query(*plan, {*frame.server, *frame.variables, &frame});
                if (rows.empty()) return Cell{false};
                if (is_null(wanted)) return Cell{};
                bool unknown = false;
                for (const Row& row : rows) {
                    if (is_null(row.front())) {
                        unknown = true;
                    } else if (compare_bound(wanted, row.front(), type, collation) == 0) {
                        return Cell{true};
                    }
                }
                return unknown ? Cell{} : Cell{false};
            }};
        return negated_if(in.negated, std::move(any));
    }

    BoundExpression operator()(const Exists& exists) const {
        const auto plan = subquery(*exists.query);
        return {truth_type, [plan](const Frame& frame) {
                    return Cell{!run_query(*plan, {*frame.server, *frame.variables, &frame}).empty()};
                }};
    }

    BoundExpression operator()(const ScalarQuery& scalar) const {
        const auto plan = subquery(*scalar.query);
        require_one_column(*plan);
        ColumnType type = plan->columns.front().type;
        type.nullable = true;
        return {type, [plan](const Frame& frame) {
                    std::vector<Row> rows = run_query(*plan, {*frame.server, *frame.variables, &frame});
                    if (rows.size() > 1)
                        throw SqlError(512, 16,
                                       "Subquery returned more than 1 value. This is not permitted when the subquery "
                                       "follows =, !=, <, <= , >, >= or when the subquery is used as an expression.");
                    return rows.empty() ? Cell{} : rows.front().front();
                }};
    }

    BoundExpression operator()(const Between& between) const {
        BoundExpression both =
            connect(true, compare_with(Operator::greater_equal, visit(*between.operand), visit(*between.low)),
                    compare_with(Operator::less_equal, visit(*between.operand), visit(*between.high)));
        return negated_if(between.negated, std::move(both));
    }

    BoundExpression operator()(const NullTest& test) const {
        BoundExpression operand = visit(*test.operand);
        const bool aggregate = operand.aggregate;
        return {truth_type,
                [negated = test.negated, operand = std::move(operand)](const Frame& frame) {
                    Cell room;
                    return Cell{is_null(operand.read(frame, room)) != negated};
                },
                aggregate};
    }

    BoundExpression operator()(const Case& parsed) const {
        struct Branch {
            BoundExpression condition;
            BoundExpression value;
        };
        std::vector<Branch> branches;
        bool aggregate = false;
        std::optional<ColumnType> type;
        const auto widen = [&](const BoundExpression& value) {
            if (value.constant && is_null(*value.constant)) return;
            type = type ? common_type(*type, value.type) : value.type;
        };
        for (const Case::Branch& branch : parsed.branches) {
            BoundExpression condition = visit(*branch.condition);
            if (parsed.subject) condition = compare_with(Operator::equal, visit(*parsed.subject), std::move(condition));
            branches.push_back({std::move(condition), visit(*branch.value)});
            aggregate = aggregate || branches.back().condition.aggregate || branches.back().value.aggregate;
            widen(branches.back().value);
        }
        BoundExpression otherwise =
            parsed.otherwise ? visit(*parsed.otherwise) : (*this)(Literal{{}, {SqlType::integer}});
        aggregate = aggregate || otherwise.aggregate;
        widen(otherwise);
        if (!type)
            throw SqlError(8133, 16,
                           "At least one of the result expressions in a CASE specification must be an expression other "
                           "than the NULL constant.");
        type->nullable = true;
        return {*type,
                [type = *type, branches = std::move(branches), otherwise = std::move(otherwise)](const Frame& frame) {
                    for (const Branch& branch : branches) {
                        if (branch.condition.value(frame) == Cell{true})
                            return convert(branch.value.value(frame), type);
                    }
                    return convert(otherwise.value(frame), type);
                },
                aggregate};
    }

    BoundExpression visit(const Expression& expression) const { return std::visit(*this, expression.node); }

  private:
    std::optional<BoundExpression> find_column(const Scope& scope, const ColumnReference& reference,
                                               bool& known_table) const {
        std::optional<BoundExpression> found;
        for (std::size_t table = 0; table < scope.size(); ++table) {
            if (!reference.table.empty() && !matches_table(scope[table], reference.table, server_.collation()))
                continue;
            known_table = true;
            const auto& columns = scope[table].columns;
            const auto column = std::find_if(columns.begin(), columns.end(), [&](const Column& known) {
                return same_name(known.name, reference.column, server_.collation());
            });
            if (column == columns.end()) continue;
            if (found) throw SqlError(209, 16, fmt::format("Ambiguous column name '{}'.", reference.column));
            found = bind_column(scope, table, static_cast<std::size_t>(column - columns.begin()));
        }
        return found;
    }

    static BoundExpression in_outer_frame(BoundExpression bound, int level) {
        const ColumnType type = bound.type;
        return {type, [level, bound = std::move(bound)](const Frame& frame) {
                    const Frame* outer = &frame;
                    for (int i = 0; i < level; ++i)
                        outer = outer->outer;
                    return bound.value(*outer);
                }};
    }

    BoundExpression windowed(const Call& call, std::vector<BoundExpression> arguments) const {
        if (context_.windows == nullptr)
            throw SqlError(4108, 15, "Windowed functions can only appear in the SELECT or ORDER BY clauses.");
        BoundWindow window{call.name, std::move(arguments), {}, {}};
        for (const ExpressionPtr& key : call.window->partition_by)
            window.partition_by.push_back(visit(*key));
        for (const OrderKey& key : call.window->order_by)
            window.order_by.push_back({visit(*key.value), key.descending});
        ColumnType type{SqlType::bigint};
        if (is_aggregate(call.name)) {
            type = bind_aggregate(call.name, call.distinct, window.arguments, server_.collation()).type;
        } else if (!is_ranking(call.name)) {
            throw SqlError(195, 15, fmt::format("'{}' is not a recognized window function name.", call.name));
        } else if (window.order_by.empty()) {
            throw SqlError(4112, 15,
                           fmt::format("The function '{}' must have an OVER clause with ORDER BY.", call.name));
        }
        const std::size_t index = context_.windows->size();
        context_.windows->push_back(std::move(window));
        return {type, [index](const Frame& frame) { return (*frame.windows)[index]; }};
    }

    std::shared_ptr<const QueryPlan> subquery(const Query& query) const {
        return plan_query(query, server_, context_.variables, &context_, &context_);
    }
    static void require_one_column(const QueryPlan& plan) {
        if (plan.columns.size() != 1)
            throw SqlError(
                116, 16,
                "Only one expression can be specified in the select list when the subquery is not introduced "
                "with EXISTS.");
    }

    static bool any_aggregate(const std::vector<BoundExpression>& parts) {
        return std::any_of(parts.begin(), parts.end(), [](const BoundExpression& part) { return part.aggregate; });
    }

    // A long list of literals, as the catalogue of counters makes it, is looked up and not searched.
    static BoundExpression among_texts(BoundExpression operand, const std::vector<BoundExpression>& values,
                                       const Collation& collation) {
        std::unordered_set<std::string> keys;
        for (const BoundExpression& value : values)
            keys.insert(collation_key(to_text(*value.constant), collation));
        const bool aggregate = operand.aggregate;
        return {truth_type,
                [collation, keys = std::move(keys), operand = std::move(operand)](const Frame& frame) {
                    Cell room;
                    const Cell& wanted = operand.read(frame, room);
                    if (is_null(wanted)) return Cell{};
                    std::string text;
                    return Cell{keys.contains(collation_key(to_text(wanted, text), collation))};
                },
                aggregate};
    }

    static BoundExpression negated_if(bool negated, BoundExpression condition) {
        return negated ? negate(std::move(condition)) : condition;
    }

    static BoundExpression negate(BoundExpression operand) {
        const bool aggregate = operand.aggregate;
        return {truth_type,
                [operand = std::move(operand)](const Frame& frame) {
                    const Cell value = operand.value(frame);
                    return is_null(value) ? Cell{} : Cell{value != Cell{true}};
                },
                aggregate};
    }

    // Three-valued: one side that decides is enough, else NULL wins.
    static BoundExpression connect(bool conjunction, BoundExpression left, BoundExpression right) {
        const bool aggregate = left.aggregate || right.aggregate;
        return {truth_type,
                [conjunction, left = std::move(left), right = std::move(right)](const Frame& frame) {
                    const Cell deciding{!conjunction};
                    const Cell first = left.value(frame);
                    if (first == deciding) return deciding;
                    const Cell second = right.value(frame);
                    if (second == deciding) return deciding;
                    return is_null(first) || is_null(second) ? Cell{} : Cell{conjunction};
                },
                aggregate};
    }

    static BoundExpression compute(Operator op, BoundExpression left, BoundExpression right) {
        const ColumnType type = arithmetic_type(op, left.type, right.type);
        const bool aggregate = left.aggregate || right.aggregate;
        return {type,
                [op, type, left = std::move(left), right = std::move(right)](const Frame& frame) {
                    Cell room_of_a;
                    Cell room_of_b;
                    const Cell& a = left.read(frame, room_of_a);
                    const Cell& b = right.read(frame, room_of_b);
                    if (is_null(a) || is_null(b)) return Cell{};
                    if (is_text(type.type)) return Cell{to_text(a) + to_text(b)};
                    if (is_time(type.type)) return add_days(op, a, b, type);
                    if (!is_integer(type.type)) return compute_numbers(op, to_double(a), to_double(b));
                    return convert(compute_integers(op, std::get<std::int64_t>(convert(a, {SqlType::bigint})),
                                                    std::get<std::int64_t>(convert(b, {SqlType::bigint}))),
                                   type);
                },
                aggregate};
    }

    // Nothing for a value of another kind: that is an error where rows are read, and only there.
    static std::optional<BoundExpression> converted(const Cell& value, const ColumnType& type) {
        try {
            const Cell cell = convert(value, type);
            BoundExpression bound{type, [cell](const Frame&) { return cell; }};
            bound.constant = cell;
            return bound;
        } catch (const SqlError&) {
            return std::nullopt;
        }
    }

    // A text that meets a date or a number is read as one.
    static BoundExpression as_type(BoundExpression side, const ColumnType& type) {
        const bool read = (is_time(type.type) || is_number(type.type)) && is_text(side.type.type);
        if (!read) return side;
        if (side.constant) {
            if (auto folded = converted(*side.constant, type)) return std::move(*folded);
        }
        const bool aggregate = side.aggregate;
        return {type, [type, side = std::move(side)](const Frame& frame) { return convert(side.value(frame), type); },
                aggregate};
    }

    Collation collation_of(const BoundExpression& left, const BoundExpression& right) const {
        if (left.collation && right.collation && *left.collation != *right.collation)
            throw SqlError(468, 16, "Cannot resolve the collation conflict in the equal to operation.");
        return left.collation ? *left.collation : right.collation.value_or(server_.collation());
    }

    BoundExpression compare_with(Operator op, BoundExpression left, BoundExpression right) const {
        const ColumnType type = common_type(left.type, right.type);
        const Collation collation = collation_of(left, right);
        left = as_type(std::move(left), type);
        right = as_type(std::move(right), type);
        const bool aggregate = left.aggregate || right.aggregate;
        return {truth_type,
                [op, type, collation, left = std::move(left), right = std::move(right)](const Frame& frame) {
                    Cell room_of_a;
                    const Cell& a = left.read(frame, room_of_a);
                    if (is_null(a)) return Cell{};
                    Cell room_of_b;
                    const Cell& b = right.read(frame, room_of_b);
                    if (is_null(b)) return Cell{};
                    return Cell{holds(op, compare_bound(a, b, type, collation))};
                },
                aggregate};
    }

    BoundExpression like(BoundExpression text, BoundExpression pattern) const {
        const Collation collation = collation_of(text, pattern);
        const bool aggregate = text.aggregate || pattern.aggregate;
        std::optional<std::string> key;
        if (pattern.constant) key = collation_key(to_text(*pattern.constant), collation);
        return {truth_type,
                [collation, key = std::move(key), text = std::move(text),
                 pattern = std::move(pattern)](const Frame& frame) {
                    Cell room_of_a;
                    Cell room_of_b;
                    const Cell& a = text.read(frame, room_of_a);
                    const Cell& b = pattern.read(frame, room_of_b);
                    if (is_null(a) || is_null(b)) return Cell{};
                    std::string room;
                    const std::string own = collation_key(to_text(a, room), collation);
                    return Cell{is_like(own, key ? *key : collation_key(to_text(b), collation))};
                },
                aggregate};
    }

    const BindContext& context_;
    const ServerView& server_;
};

}  // namespace

BoundExpression bind_expression(const Expression& expression, const BindContext& context) {
    return Binder(context).visit(expression);
}

BoundExpression bind_column(const Scope& scope, std::size_t table, std::size_t column) {
    ColumnType type = scope[table].columns[column].type;
    type.nullable = type.nullable || scope[table].nullable;
    if (scope[table].read_columns) (*scope[table].read_columns)[column] = true;
    BoundExpression bound{type, [table, column](const Frame& frame) {
                              const Row* row = (*frame.tuple)[table];
                              return row != nullptr ? (*row)[column] : Cell{};
                          }};
    bound.place = ColumnPlace{table, column};
    return bound;
}

int compare_bound(const Cell& a, const Cell& b, const ColumnType& type, const Collation& collation) {
    if (is_text(type.type)) {
        std::string room_of_a;
        std::string room_of_b;
        return compare_texts(to_text(a, room_of_a), to_text(b, room_of_b), collation);
    }
    return compare(a, b, is_number(type.type));
}

}  // namespace tds_server
