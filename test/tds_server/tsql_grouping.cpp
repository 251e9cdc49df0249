#include "tds_server/tsql_grouping.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/tsql_aggregates.h"
#include "tds_server/tsql_lexer.h"

namespace tds_server {

namespace {

using Visit = std::function<void(const Expression&)>;

// The parts of an expression, in order; queries are not looked into.
struct Children {
    const Visit& visit;

    void one(const ExpressionPtr& part) const {
        if (part) visit(*part);
    }
    void all(const std::vector<ExpressionPtr>& parts) const {
        for (const ExpressionPtr& part : parts)
            one(part);
    }
    void operator()(const Literal&) const {}
    void operator()(const ColumnReference&) const {}
    void operator()(const Variable&) const {}
    void operator()(const Exists&) const {}
    void operator()(const ScalarQuery&) const {}
    void operator()(const Call& call) const { all(call.arguments); }
    void operator()(const Cast& cast) const { one(cast.operand); }
    void operator()(const Collated& collated) const { one(collated.operand); }
    void operator()(const Operation& operation) const {
        one(operation.left);
        one(operation.right);
    }
    void operator()(const InList& list) const {
        one(list.operand);
        all(list.values);
    }
    void operator()(const InQuery& in) const { one(in.operand); }
    void operator()(const Between& between) const {
        one(between.operand);
        one(between.low);
        one(between.high);
    }
    void operator()(const NullTest& test) const { one(test.operand); }
    void operator()(const Case& parsed) const {
        one(parsed.subject);
        for (const Case::Branch& branch : parsed.branches) {
            one(branch.condition);
            one(branch.value);
        }
        one(parsed.otherwise);
    }
};

bool in_scope(const ColumnReference& reference, const BindContext& context) {
    return std::any_of(context.scope->begin(), context.scope->end(), [&](const ScopeTable& table) {
        return std::any_of(table.columns.begin(), table.columns.end(), [&](const Column& column) {
            return same_name(column.name, reference.column, context.server.collation());
        });
    });
}

// Equal for expressions that are written alike. Whether a column is qualified makes no difference.
std::string shape(const Expression& expression) {
    std::string text;
    if (const auto* literal = std::get_if<Literal>(&expression.node)) text = "'" + to_text(literal->value) + "'";
    if (const auto* column = std::get_if<ColumnReference>(&expression.node)) text = column->column;
    if (const auto* variable = std::get_if<Variable>(&expression.node)) text = variable->name;
    if (const auto* call = std::get_if<Call>(&expression.node)) text = call->name;
    if (const auto* cast = std::get_if<Cast>(&expression.node)) text = fmt::format("cast{}", cast->type.length);
    if (const auto* operation = std::get_if<Operation>(&expression.node))
        text = fmt::format("op{}", static_cast<int>(operation->op));
    const Visit add = [&](const Expression& child) { text += "," + shape(child); };
    text = fmt::format("{}:{}(", expression.node.index(), text);
    std::visit(Children{add}, expression.node);
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return text + ")";
}

}  // namespace

GroupingRule::GroupingRule(const BindContext& context, const std::vector<ExpressionPtr>& keys) : context_(context) {
    for (const ExpressionPtr& key : keys)
        keys_.push_back(shape(*key));
}

void GroupingRule::check(const Expression& expression) const {
    if (std::find(keys_.begin(), keys_.end(), shape(expression)) != keys_.end()) return;
    const auto* call = std::get_if<Call>(&expression.node);
    if (call != nullptr && is_aggregate(call->name) && !call->window) return;
    const auto* reference = std::get_if<ColumnReference>(&expression.node);
    if (reference != nullptr && in_scope(*reference, context_))
        throw SqlError(
            8120, 16,
            fmt::format("Column '{}{}' is invalid in the select list because it is not contained in either an "
                        "aggregate function or the GROUP BY clause.",
                        reference->table.empty() ? "" : reference->table + ".", reference->column));
    const Visit check_child = [this](const Expression& child) { check(child); };
    std::visit(Children{check_child}, expression.node);
}

}  // namespace tds_server
