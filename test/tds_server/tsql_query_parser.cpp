#include "tds_server/tsql_query_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <utility>

#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"

namespace tds_server {

namespace {

template <typename Node>
ExpressionPtr make(Node node) {
    return std::make_unique<Expression>(Expression{std::move(node)});
}

}  // namespace

ExpressionPtr make_operation(Operator op, ExpressionPtr left, ExpressionPtr right) {
    return make(Operation{op, std::move(left), std::move(right)});
}

bool QueryParser::at_query() const {
    std::size_t ahead = 0;
    while (is_symbol("(", ahead))
        ++ahead;
    return is_word("SELECT", ahead) || (ahead == 0 && is_word("WITH"));
}

Query QueryParser::query() {
    const Depth depth(depth_);
    std::vector<CommonTable> with;
    if (accept_word("WITH")) {
        do {
            CommonTable table;
            table.name = name();
            if (is_symbol("(")) table.column_names = column_names();
            expect_word("AS");
            expect_symbol("(");
            table.query = std::make_unique<Query>(query());
            expect_symbol(")");
            with.push_back(std::move(table));
        } while (accept_symbol(","));
    }
    Query parsed = query_body();
    parsed.with = std::move(with);
    return parsed;
}

Query QueryParser::query_body() {
    Query parsed;
    branch(parsed);
    while (accept_word("UNION")) {
        parsed.keep_duplicates.push_back(accept_word("ALL"));
        branch(parsed);
    }
    if (is_word("EXCEPT") || is_word("INTERSECT")) refuse();
    if (accept_word("ORDER")) parsed.order_by = order_keys();
    if (!parsed.order_by.empty() && accept_word("OFFSET")) {
        parsed.offset = expression();
        if (!accept_word("ROWS")) expect_word("ROW");
        if (accept_word("FETCH")) {
            if (!accept_word("NEXT")) expect_word("FIRST");
            parsed.fetch = expression();
            if (!accept_word("ROWS")) expect_word("ROW");
            expect_word("ONLY");
        }
    }
    // XML and JSON are formatted by the server: no client of ours asks for that.
    if (is_word("FOR")) refuse();
    if (accept_word("OPTION")) skip_brackets();
    return parsed;
}

void QueryParser::branch(Query& parsed) {
    if (!is_symbol("(")) {
        parsed.branches.push_back(select());
        return;
    }
    take();
    Query inner = query_body();
    expect_symbol(")");
    if (inner.branches.size() != 1 || !inner.order_by.empty()) refuse();
    parsed.branches.push_back(std::move(inner.branches.front()));
}

Select QueryParser::select() {
    expect_word("SELECT");
    Select parsed;
    parsed.distinct = accept_word("DISTINCT");
    if (!parsed.distinct) accept_word("ALL");
    if (accept_word("TOP")) parsed.top = top();
    do
        parsed.items.push_back(item());
    while (accept_symbol(","));
    if (is_word("INTO")) refuse();
    if (accept_word("FROM")) sources(parsed.sources);
    if (accept_word("WHERE")) parsed.where = expression();
    if (accept_word("GROUP")) {
        expect_word("BY");
        parsed.group_by = group_keys();
    }
    if (accept_word("HAVING")) parsed.having = expression();
    return parsed;
}

ExpressionPtr QueryParser::top() {
    if (!accept_symbol("(")) return primary();
    ExpressionPtr count = expression();
    expect_symbol(")");
    return count;
}

SelectItem QueryParser::item() {
    SelectItem parsed;
    if (accept_symbol("*")) return parsed;
    if (at_name() && is_symbol(".", 1) && is_symbol("*", 2)) {
        parsed.star_table = name();
        take();
        take();
        return parsed;
    }
    if (token().kind == TokenKind::variable && is_symbol("=", 1)) {
        parsed.variable = variable();
        take();
        parsed.value = expression();
        return parsed;
    }
    // T-SQL's own "alias = value".
    if (at_name() && is_symbol("=", 1)) {
        parsed.alias = name();
        take();
        parsed.value = expression();
        return parsed;
    }
    parsed.value = expression();
    if (accept_word("AS")) {
        parsed.alias = token().kind == TokenKind::text ? take().text : name();
    } else if (at_name() && !at_statement()) {
        parsed.alias = name();
    }
    return parsed;
}

std::vector<ExpressionPtr> QueryParser::group_keys() {
    std::vector<ExpressionPtr> keys;
    do
        keys.push_back(expression());
    while (accept_symbol(","));
    return keys;
}

void QueryParser::sources(std::vector<Source>& parsed) {
    parsed.push_back(source(Join::none));
    while (next_source(parsed)) {
    }
}

bool QueryParser::next_source(std::vector<Source>& parsed) {
    const auto accept_join = [this](std::string_view side) {
        if (!is_word(side) || !(is_word("JOIN", 1) || is_word("OUTER", 1))) return false;
        take();
        accept_word("OUTER");
        expect_word("JOIN");
        return true;
    };
    if (accept_symbol(",")) {
        parsed.push_back(source(Join::cross));
    } else if (accept_word("CROSS")) {
        const bool apply = accept_word("APPLY");
        if (!apply) expect_word("JOIN");
        parsed.push_back(source(apply ? Join::cross_apply : Join::cross));
    } else if (is_word("OUTER") && is_word("APPLY", 1)) {
        take();
        take();
        parsed.push_back(source(Join::outer_apply));
    } else if (accept_join("LEFT")) {
        parsed.push_back(joined_source(Join::left));
    } else if (accept_join("RIGHT")) {
        parsed.push_back(joined_source(Join::right));
    } else if (accept_join("FULL")) {
        parsed.push_back(joined_source(Join::full));
    } else if (is_word("JOIN") || (is_word("INNER") && is_word("JOIN", 1))) {
        accept_word("INNER");
        expect_word("JOIN");
        parsed.push_back(joined_source(Join::inner));
    } else {
        return false;
    }
    return true;
}

Source QueryParser::joined_source(Join join) {
    Source parsed = source(join);
    expect_word("ON");
    parsed.on = expression();
    return parsed;
}

Source QueryParser::source(Join join) {
    Source parsed;
    parsed.join = join;
    const bool bracketed = is_symbol("(");
    if (bracketed) {
        source_rows(parsed);
    } else {
        source_table(parsed);
    }
    if (accept_word("AS") ||
        (at_name() && !is_word("WITH") && !is_word("APPLY") && !is_word("OFFSET") && !at_statement()))
        parsed.alias = name();
    if (bracketed && parsed.alias.empty()) refuse();
    if (bracketed && is_symbol("(")) parsed.column_names = column_names();
    if (!bracketed && accept_word("WITH")) skip_brackets();
    return parsed;
}

void QueryParser::source_table(Source& parsed) {
    parsed.table = object_name();
    if (!accept_symbol("(")) return;
    parsed.function = true;
    parsed.arguments = list();
}

// (SELECT ...) or (VALUES (...), (...))
void QueryParser::source_rows(Source& parsed) {
    expect_symbol("(");
    if (accept_word("VALUES")) {
        do {
            expect_symbol("(");
            parsed.values.push_back(list());
            if (parsed.values.back().size() != parsed.values.front().size())
                throw SqlError(10709, 16,
                               "The number of columns for each row in a table value constructor must be the same.");
        } while (accept_symbol(","));
    } else {
        parsed.query = std::make_unique<Query>(query());
    }
    expect_symbol(")");
}

std::vector<std::string> QueryParser::column_names() {
    std::vector<std::string> names;
    expect_symbol("(");
    do
        names.push_back(name());
    while (accept_symbol(","));
    expect_symbol(")");
    return names;
}

std::vector<OrderKey> QueryParser::order_keys() {
    std::vector<OrderKey> keys;
    expect_word("BY");
    do {
        OrderKey key;
        key.value = expression();
        key.descending = accept_word("DESC");
        if (!key.descending) accept_word("ASC");
        keys.push_back(std::move(key));
    } while (accept_symbol(","));
    return keys;
}

void QueryParser::skip_brackets() {
    expect_symbol("(");
    for (int open = 1; open > 0; take()) {
        if (at_end()) refuse();
        if (is_symbol("(")) ++open;
        if (is_symbol(")")) --open;
    }
}

// Up to and with the closing bracket.
std::vector<ExpressionPtr> QueryParser::list() {
    std::vector<ExpressionPtr> parsed;
    if (accept_symbol(")")) return parsed;
    do
        parsed.push_back(is_word("DEFAULT") ? (take(), make(Literal{Cell{}, {SqlType::integer}})) : expression());
    while (accept_symbol(","));
    expect_symbol(")");
    return parsed;
}

ExpressionPtr QueryParser::expression() {
    const Depth depth(depth_);
    ExpressionPtr left = conjunction();
    while (accept_word("OR"))
        left = make_operation(Operator::disjunction, std::move(left), conjunction());
    return left;
}

ExpressionPtr QueryParser::conjunction() {
    ExpressionPtr left = negation();
    while (accept_word("AND"))
        left = make_operation(Operator::conjunction, std::move(left), negation());
    return left;
}

ExpressionPtr QueryParser::negation() {
    const Depth depth(depth_);
    if (accept_word("NOT")) return make_operation(Operator::negation, negation(), nullptr);
    if (is_word("EXISTS") && is_symbol("(", 1)) {
        take();
        take();
        Exists exists{std::make_unique<Query>(query())};
        expect_symbol(")");
        return make(std::move(exists));
    }
    return comparison();
}

ExpressionPtr QueryParser::comparison() {
    ExpressionPtr left = sum();
    static constexpr std::array<std::pair<std::string_view, Operator>, 9> operators{{{"=", Operator::equal},
                                                                                     {"<>", Operator::unequal},
                                                                                     {"!=", Operator::unequal},
                                                                                     {"<", Operator::less},
                                                                                     {"<=", Operator::less_equal},
                                                                                     {">", Operator::greater},
                                                                                     {">=", Operator::greater_equal},
                                                                                     {"!>", Operator::less_equal},
                                                                                     {"!<", Operator::greater_equal}}};
    for (const auto& [symbol, op] : operators) {
        if (accept_symbol(symbol)) return make_operation(op, std::move(left), sum());
    }
    if (accept_word("IS")) {
        const bool negated = accept_word("NOT");
        expect_word("NULL");
        return make(NullTest{std::move(left), negated});
    }
    const bool negated = is_word("NOT") && (is_word("IN", 1) || is_word("BETWEEN", 1) || is_word("LIKE", 1));
    if (negated) take();
    ExpressionPtr test = membership(left, negated);
    return test ? std::move(test) : std::move(left);
}

// IN, BETWEEN and LIKE; nothing if none of them follows.
ExpressionPtr QueryParser::membership(ExpressionPtr& left, bool negated) {
    if (accept_word("IN")) {
        expect_symbol("(");
        if (is_symbol(")")) refuse();
        if (!at_query()) return make(InList{std::move(left), list(), negated});
        InQuery in{std::move(left), std::make_unique<Query>(query()), negated};
        expect_symbol(")");
        return make(std::move(in));
    }
    if (accept_word("BETWEEN")) {
        Between between;
        between.operand = std::move(left);
        between.low = sum();
        expect_word("AND");
        between.high = sum();
        between.negated = negated;
        return make(std::move(between));
    }
    if (!accept_word("LIKE")) return nullptr;
    ExpressionPtr test = make_operation(Operator::like, std::move(left), sum());
    if (accept_word("ESCAPE")) refuse();
    if (negated) test = make_operation(Operator::negation, std::move(test), nullptr);
    return test;
}

ExpressionPtr QueryParser::sum() {
    static constexpr std::array<std::pair<std::string_view, Operator>, 5> operators{{{"+", Operator::add},
                                                                                     {"-", Operator::subtract},
                                                                                     {"&", Operator::bit_and},
                                                                                     {"|", Operator::bit_or},
                                                                                     {"^", Operator::bit_xor}}};
    ExpressionPtr left = product();
    while (true) {
        const auto* found =
            std::find_if(operators.begin(), operators.end(), [&](const auto& known) { return is_symbol(known.first); });
        if (found == operators.end()) return left;
        take();
        left = make_operation(found->second, std::move(left), product());
    }
}

ExpressionPtr QueryParser::product() {
    ExpressionPtr left = unary();
    while (is_symbol("*") || is_symbol("/") || is_symbol("%")) {
        const Operator op = is_symbol("*") ? Operator::multiply : is_symbol("/") ? Operator::divide : Operator::modulo;
        take();
        left = make_operation(op, std::move(left), unary());
    }
    return left;
}

ExpressionPtr QueryParser::unary() {
    const Depth depth(depth_);
    if (accept_symbol("+")) return unary();
    if (!accept_symbol("-")) return collated();
    ExpressionPtr operand = unary();
    auto* literal = std::get_if<Literal>(&operand->node);
    if (literal != nullptr && std::holds_alternative<std::int64_t>(literal->value)) {
        literal->value = -std::get<std::int64_t>(literal->value);
        return operand;
    }
    return make_operation(Operator::subtract, make(Literal{Cell{std::int64_t{0}}, {SqlType::integer}}),
                          std::move(operand));
}

ExpressionPtr QueryParser::collated() {
    ExpressionPtr operand = primary();
    while (accept_word("COLLATE")) {
        const std::string collation_name = name();
        Collated parsed;
        parsed.operand = std::move(operand);
        const bool own = same_text(collation_name, "DATABASE_DEFAULT") || same_text(collation_name, "CATALOG_DEFAULT");
        if (!own) {
            parsed.collation = collation_from_name(collation_name);
            if (!parsed.collation) throw SqlError(448, 16, fmt::format("Invalid collation '{}'.", collation_name));
        }
        operand = make(std::move(parsed));
    }
    return operand;
}

ExpressionPtr QueryParser::primary() {
    switch (token().kind) {
        case TokenKind::text:
            return text_literal();
        case TokenKind::number:
            return number_literal();
        case TokenKind::binary:
            return binary_literal();
        case TokenKind::variable:
            return make(Variable{take().text});
        case TokenKind::symbol:
            return bracketed();
        case TokenKind::word:
        case TokenKind::name:
            return word();
        case TokenKind::end:
            break;
    }
    refuse();
}

ExpressionPtr QueryParser::bracketed() {
    if (!is_symbol("(")) refuse();
    const bool scalar = is_word("SELECT", 1) || is_word("WITH", 1);
    take();
    ExpressionPtr inner = scalar ? make(ScalarQuery{std::make_unique<Query>(query())}) : expression();
    expect_symbol(")");
    return inner;
}

ExpressionPtr QueryParser::text_literal() {
    const Token taken = take();
    const int length = std::max<int>(1, static_cast<int>(taken.text.size()));
    return make(Literal{Cell{taken.text}, {taken.national ? SqlType::nvarchar : SqlType::varchar, length}});
}

ExpressionPtr QueryParser::binary_literal() {
    const std::string hex = take().text;
    return make(Literal{Cell{hex}, {SqlType::varbinary, static_cast<int>((hex.size() - 1) / 2)}});
}

ExpressionPtr QueryParser::number_literal() {
    const std::string text = take().text;
    if (text.find_first_of("eE") != std::string::npos) return make(Literal{Cell{std::stod(text)}, {SqlType::float8}});
    const std::size_t point = text.find('.');
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (point == std::string::npos && error == std::errc()) {
        const bool wide = value > INT32_MAX;
        return make(Literal{Cell{value}, {wide ? SqlType::bigint : SqlType::integer}});
    }
    ColumnType type{SqlType::decimal};
    type.precision = 38;
    type.scale = point == std::string::npos ? 0 : static_cast<int>(text.size() - point - 1);
    return make(Literal{Cell{text}, type});
}

ExpressionPtr QueryParser::word() {
    if (token().kind == TokenKind::word) {
        if (accept_word("NULL")) return make(Literal{Cell{}, {SqlType::integer}});
        if (accept_word("CASE")) return case_expression();
        if (accept_word("CURRENT_TIMESTAMP")) return make(Call{"GETDATE", {}, false, false, nullptr});
        const bool safe = is_word("TRY_CAST") || is_word("TRY_CONVERT");
        const bool cast = is_word("CAST") || is_word("TRY_CAST");
        const bool conversion = is_word("CONVERT") || is_word("TRY_CONVERT");
        if ((cast || conversion) && is_symbol("(", 1)) {
            take();
            take();
            return cast ? cast_expression(safe) : conversion_expression(safe);
        }
        if (is_symbol("(", 1)) return call();
    }
    return column_reference();
}

ExpressionPtr QueryParser::column_reference() {
    std::string column = name();
    if (is_symbol("(")) refuse();
    std::string table;
    while (accept_symbol(".")) {
        table = table.empty() ? std::move(column) : table + "." + column;
        column = name();
    }
    return make(ColumnReference{std::move(table), std::move(column)});
}

ExpressionPtr QueryParser::call() {
    Call parsed;
    // LEFT is a function here and a join elsewhere.
    parsed.name = take().text;
    expect_symbol("(");
    if (accept_symbol("*")) {
        parsed.star = true;
        expect_symbol(")");
    } else {
        parsed.distinct = accept_word("DISTINCT");
        parsed.arguments = list();
    }
    if (!is_word("OVER")) return make(std::move(parsed));
    take();
    expect_symbol("(");
    parsed.window = std::make_unique<Window>();
    if (accept_word("PARTITION")) {
        expect_word("BY");
        parsed.window->partition_by = group_keys();
    }
    if (accept_word("ORDER")) parsed.window->order_by = order_keys();
    expect_symbol(")");
    return make(std::move(parsed));
}

ExpressionPtr QueryParser::cast_expression(bool or_null) {
    Cast parsed;
    parsed.or_null = or_null;
    parsed.operand = expression();
    expect_word("AS");
    parsed.type = type();
    expect_symbol(")");
    return make(std::move(parsed));
}

ExpressionPtr QueryParser::conversion_expression(bool or_null) {
    Cast parsed;
    parsed.or_null = or_null;
    parsed.type = type();
    expect_symbol(",");
    parsed.operand = expression();
    if (accept_symbol(",")) parsed.style = type_argument();
    expect_symbol(")");
    return make(std::move(parsed));
}

ColumnType QueryParser::type() {
    const std::string type_word = name();
    std::vector<int> arguments;
    if (accept_symbol("(")) {
        do
            arguments.push_back(accept_word("MAX") ? -1 : type_argument());
        while (accept_symbol(","));
        expect_symbol(")");
    }
    const auto known = type_from_name(type_word, arguments);
    if (!known) throw SqlError(243, 16, fmt::format("Type {} is not a defined system type.", type_word));
    return *known;
}

int QueryParser::type_argument() {
    if (token().kind != TokenKind::number) refuse();
    const std::string text = take().text;
    int value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

ExpressionPtr QueryParser::case_expression() {
    Case parsed;
    if (!is_word("WHEN")) parsed.subject = expression();
    while (accept_word("WHEN")) {
        Case::Branch branch;
        branch.condition = expression();
        expect_word("THEN");
        branch.value = expression();
        parsed.branches.push_back(std::move(branch));
    }
    if (parsed.branches.empty()) refuse();
    if (accept_word("ELSE")) parsed.otherwise = expression();
    expect_word("END");
    return make(std::move(parsed));
}

}  // namespace tds_server
