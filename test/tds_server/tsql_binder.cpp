#include "tds_server/tsql_binder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/tsql_functions.h"
#include "tds_server/tsql_lexer.h"

namespace tds_server {

namespace {

constexpr ColumnType truth_type{SqlType::bit};

// DATEDIFF and its like take the bare name of a unit as their first argument.
bool takes_unit(std::string_view function) {
    return same_text(function, "DATEDIFF") || same_text(function, "DATEADD") || same_text(function, "DATEPART");
}

bool matches_table(const ScopeTable& table, std::string_view qualifier) {
    const std::string_view last = std::string_view(table.name).substr(table.name.rfind('.') + 1);
    return same_text(table.name, qualifier) || same_text(last, qualifier);
}

// LIKE with % and _; no ranges.
bool is_like(std::string_view text, std::string_view pattern) {
    if (pattern.empty()) return text.empty();
    if (pattern.front() == '%') {
        for (std::size_t skip = 0; skip <= text.size(); ++skip) {
            if (is_like(text.substr(skip), pattern.substr(1))) return true;
        }
        return false;
    }
    if (text.empty()) return false;
    const bool same = pattern.front() == '_' || same_text(text.substr(0, 1), pattern.substr(0, 1));
    return same && is_like(text.substr(1), pattern.substr(1));
}

ColumnType arithmetic_type(Operator op, const ColumnType& left, const ColumnType& right) {
    if (op == Operator::add && is_text(left.type) && is_text(right.type)) {
        constexpr int longest = 4000;
        return {SqlType::nvarchar, std::min(longest, left.length + right.length)};
    }
    if (is_integer(left.type) && is_integer(right.type)) return {std::max({left.type, right.type, SqlType::integer})};
    // Exact decimals are beyond what monitoring queries compute.
    return {SqlType::float8};
}

Cell compute_integers(Operator op, std::int64_t left, std::int64_t right) {
    std::int64_t result = 0;
    bool overflow = false;
    if (op == Operator::add) overflow = __builtin_add_overflow(left, right, &result);
    if (op == Operator::subtract) overflow = __builtin_sub_overflow(left, right, &result);
    if (op == Operator::multiply) overflow = __builtin_mul_overflow(left, right, &result);
    if (overflow) throw SqlError(8115, 16, "Arithmetic overflow error converting expression to data type bigint.");
    if (op != Operator::divide && op != Operator::modulo) return Cell{result};
    if (right == 0) throw SqlError(8134, 16, "Divide by zero error encountered.");
    if (right == -1) return Cell{op == Operator::modulo ? std::int64_t{0} : -left};
    return Cell{op == Operator::divide ? left / right : left % right};
}

Cell compute_numbers(Operator op, double left, double right) {
    switch (op) {
        case Operator::add:
            return Cell{left + right};
        case Operator::subtract:
            return Cell{left - right};
        case Operator::multiply:
            return Cell{left * right};
        default:
            break;
    }
    if (right == 0) throw SqlError(8134, 16, "Divide by zero error encountered.");
    return Cell{op == Operator::divide ? left / right : std::fmod(left, right)};
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

Cell is_among(const Cell& wanted, const std::vector<BoundExpression>& values, bool numbers, const Frame& frame) {
    if (is_null(wanted)) return {};
    bool unknown = false;
    for (const BoundExpression& value : values) {
        const Cell candidate = value.value(frame);
        if (is_null(candidate)) {
            unknown = true;
        } else if (compare(wanted, candidate, numbers) == 0) {
            return Cell{true};
        }
    }
    return unknown ? Cell{} : Cell{false};
}

class Binder {
  public:
    Binder(const Scope& scope, const ServerView& server) : scope_(scope), server_(server) {}

    BoundExpression operator()(const Literal& literal) const {
        ColumnType type = literal.type;
        type.nullable = is_null(literal.value);
        return {type, [value = literal.value](const Frame&) { return value; }};
    }

    BoundExpression operator()(const ColumnReference& reference) const {
        std::optional<BoundExpression> found;
        bool known_table = reference.table.empty();
        for (std::size_t table = 0; table < scope_.size(); ++table) {
            if (!reference.table.empty() && !matches_table(scope_[table], reference.table)) continue;
            known_table = true;
            const auto& columns = *scope_[table].columns;
            const auto column = std::find_if(columns.begin(), columns.end(), [&](const Column& known) {
                return same_text(known.name, reference.column);
            });
            if (column == columns.end()) continue;
            if (found) throw SqlError(209, 16, fmt::format("Ambiguous column name '{}'.", reference.column));
            found = bind_column(scope_, table, static_cast<std::size_t>(column - columns.begin()));
        }
        if (found) return std::move(*found);
        if (!known_table)
            throw SqlError(4104, 16,
                           fmt::format("The multi-part identifier \"{}.{}\" could not be bound.", reference.table,
                                       reference.column));
        throw SqlError(207, 16, fmt::format("Invalid column name '{}'.", reference.column));
    }

    BoundExpression operator()(const Variable& variable) const { return bind_variable(variable.name, server_); }

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
        if (is_aggregate(call.name)) return bind_aggregate(call.name, std::move(arguments));
        const bool aggregate = any_aggregate(arguments);
        BoundExpression bound = bind_function(call.name, std::move(arguments), server_);
        bound.aggregate = aggregate;
        return bound;
    }

    BoundExpression operator()(const Cast& cast) const {
        BoundExpression operand = visit(*cast.operand);
        const bool aggregate = operand.aggregate;
        return {cast.type,
                [type = cast.type, operand = std::move(operand)](const Frame& frame) {
                    return convert(operand.value(frame), type);
                },
                aggregate};
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
        bool numbers = is_number(operand.type.type);
        for (const ExpressionPtr& value : list.values) {
            values.push_back(like_other(visit(*value), operand.type));
            numbers = numbers || is_number(values.back().type.type);
        }
        const bool aggregate = operand.aggregate || any_aggregate(values);
        BoundExpression any{truth_type,
                            [numbers, operand = std::move(operand), values = std::move(values)](const Frame& frame) {
                                return is_among(operand.value(frame), values, numbers, frame);
                            },
                            aggregate};
        return list.negated ? negate(std::move(any)) : any;
    }

    BoundExpression operator()(const Between& between) const {
        BoundExpression both =
            connect(true, compare_with(Operator::greater_equal, visit(*between.operand), visit(*between.low)),
                    compare_with(Operator::less_equal, visit(*between.operand), visit(*between.high)));
        return between.negated ? negate(std::move(both)) : std::move(both);
    }

    BoundExpression operator()(const NullTest& test) const {
        BoundExpression operand = visit(*test.operand);
        const bool aggregate = operand.aggregate;
        return {truth_type,
                [negated = test.negated, operand = std::move(operand)](const Frame& frame) {
                    return Cell{is_null(operand.value(frame)) != negated};
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
        for (const Case::Branch& branch : parsed.branches) {
            BoundExpression condition = visit(*branch.condition);
            if (parsed.subject) condition = compare_with(Operator::equal, visit(*parsed.subject), std::move(condition));
            branches.push_back({std::move(condition), visit(*branch.value)});
            aggregate = aggregate || branches.back().condition.aggregate || branches.back().value.aggregate;
        }
        BoundExpression otherwise =
            parsed.otherwise ? visit(*parsed.otherwise) : (*this)(Literal{{}, branches.front().value.type});
        aggregate = aggregate || otherwise.aggregate;
        ColumnType type = branches.front().value.type;
        type.nullable = true;
        return {type,
                [type, branches = std::move(branches), otherwise = std::move(otherwise)](const Frame& frame) {
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
    static bool any_aggregate(const std::vector<BoundExpression>& parts) {
        return std::any_of(parts.begin(), parts.end(), [](const BoundExpression& part) { return part.aggregate; });
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
                [op, kind = type.type, left = std::move(left), right = std::move(right)](const Frame& frame) {
                    const Cell a = left.value(frame);
                    const Cell b = right.value(frame);
                    if (is_null(a) || is_null(b)) return Cell{};
                    if (is_text(kind)) return Cell{to_text(a) + to_text(b)};
                    if (!is_integer(kind)) return compute_numbers(op, to_double(a), to_double(b));
                    return compute_integers(op, std::get<std::int64_t>(convert(a, {SqlType::bigint})),
                                            std::get<std::int64_t>(convert(b, {SqlType::bigint})));
                },
                aggregate};
    }

    // A text that meets a date is read as one.
    static BoundExpression like_other(BoundExpression side, const ColumnType& other) {
        if (!is_time(other.type) || !is_text(side.type.type)) return side;
        const bool aggregate = side.aggregate;
        return {other,
                [other, side = std::move(side)](const Frame& frame) { return convert(side.value(frame), other); },
                aggregate};
    }

    static BoundExpression compare_with(Operator op, BoundExpression left, BoundExpression right) {
        left = like_other(std::move(left), right.type);
        right = like_other(std::move(right), left.type);
        const bool numbers = is_number(left.type.type) || is_number(right.type.type);
        const bool aggregate = left.aggregate || right.aggregate;
        return {truth_type,
                [op, numbers, left = std::move(left), right = std::move(right)](const Frame& frame) {
                    const Cell a = left.value(frame);
                    const Cell b = right.value(frame);
                    if (is_null(a) || is_null(b)) return Cell{};
                    return Cell{holds(op, compare(a, b, numbers))};
                },
                aggregate};
    }

    static BoundExpression like(BoundExpression text, BoundExpression pattern) {
        return {truth_type, [text = std::move(text), pattern = std::move(pattern)](const Frame& frame) {
                    const Cell a = text.value(frame);
                    const Cell b = pattern.value(frame);
                    if (is_null(a) || is_null(b)) return Cell{};
                    std::string trimmed = to_text(a);
                    trimmed.erase(trimmed.find_last_not_of(' ') + 1);
                    return Cell{is_like(trimmed, to_text(b))};
                }};
    }

    const Scope& scope_;
    const ServerView& server_;
};

}  // namespace

BoundExpression bind_expression(const Expression& expression, const Scope& scope, const ServerView& server) {
    return Binder(scope, server).visit(expression);
}

BoundExpression bind_column(const Scope& scope, std::size_t table, std::size_t column) {
    ColumnType type = (*scope[table].columns)[column].type;
    type.nullable = type.nullable || scope[table].nullable;
    return {type, [table, column](const Frame& frame) {
                const Row* row = (*frame.tuple)[table];
                return row != nullptr ? (*row)[column] : Cell{};
            }};
}

}  // namespace tds_server
