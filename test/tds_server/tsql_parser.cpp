#include "tds_server/tsql_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/tsql_lexer.h"

namespace tds_server {

namespace {

constexpr int max_depth = 100;

// Words that end a name without AS in front of it, or a statement.
constexpr std::array<std::string_view, 40> reserved{
    "ALL",   "AND",   "AS",       "ASC",   "BEGIN",    "BETWEEN", "BY",      "CASE", "COLLATE", "COMMIT",
    "CROSS", "DESC",  "DISTINCT", "ELSE",  "END",      "EXEC",    "EXECUTE", "FROM", "GROUP",   "HAVING",
    "IF",    "IN",    "INNER",    "IS",    "JOIN",     "LEFT",    "LIKE",    "NOT",  "ON",      "OPTION",
    "OR",    "ORDER", "OUTER",    "PRINT", "ROLLBACK", "SELECT",  "SET",     "THEN", "WHEN",    "WHERE"};
constexpr std::array<std::string_view, 11> statement_starts{"BEGIN", "COMMIT",   "ELSE",   "EXEC", "EXECUTE", "IF",
                                                            "PRINT", "ROLLBACK", "SELECT", "SET",  "USE"};

template <std::size_t size>
bool contains(const std::array<std::string_view, size>& words, std::string_view word) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view known) { return same_text(known, word); });
}

template <typename Node>
ExpressionPtr make(Node node) {
    return std::make_unique<Expression>(Expression{std::move(node)});
}

ExpressionPtr make_operation(Operator op, ExpressionPtr left, ExpressionPtr right) {
    return make(Operation{op, std::move(left), std::move(right)});
}

class Parser {
  public:
    explicit Parser(std::string_view sql) : tokens_(tokenize(sql)) {}

    Batch run() {
        Batch batch;
        while (skip_semicolons(), token().kind != TokenKind::end)
            batch.push_back(statement());
        return batch;
    }

  private:
    // Keeps a hostile or mistaken batch from exhausting the stack.
    class Depth {
      public:
        explicit Depth(int& depth) : depth_(depth) {
            if (++depth_ > max_depth) {
                --depth_;
                throw SqlError(191, 15,
                               "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up "
                               "into smaller queries.");
            }
        }
        Depth(const Depth&) = delete;
        Depth& operator=(const Depth&) = delete;
        ~Depth() { --depth_; }

      private:
        int& depth_;
    };

    const Token& token(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
    Token take() {
        Token taken = token();
        if (at_ + 1 < tokens_.size()) ++at_;
        return taken;
    }
    bool is_word(std::string_view word, std::size_t ahead = 0) const {
        return token(ahead).kind == TokenKind::word && same_text(token(ahead).text, word);
    }
    bool is_symbol(std::string_view symbol, std::size_t ahead = 0) const {
        return token(ahead).kind == TokenKind::symbol && token(ahead).text == symbol;
    }
    bool accept_word(std::string_view word) { return is_word(word) && (take(), true); }
    bool accept_symbol(std::string_view symbol) { return is_symbol(symbol) && (take(), true); }
    [[noreturn]] void refuse() const {
        if (token().kind == TokenKind::end) throw SqlError(102, 15, "Incorrect syntax near the end of the batch.");
        throw SqlError(102, 15, fmt::format("Incorrect syntax near '{}'.", token().text));
    }
    void expect_word(std::string_view word) {
        if (!accept_word(word)) refuse();
    }
    void expect_symbol(std::string_view symbol) {
        if (!accept_symbol(symbol)) refuse();
    }
    void skip_semicolons() {
        while (accept_symbol(";")) {
        }
    }
    bool at_name() const {
        return token().kind == TokenKind::name ||
               (token().kind == TokenKind::word && !contains(reserved, token().text));
    }
    std::string name() {
        if (!at_name()) refuse();
        return take().text;
    }

    Statement statement() {
        const Depth depth(depth_);
        if (is_word("SELECT")) return {select()};
        if (accept_word("SET") || accept_word("BEGIN") || accept_word("COMMIT") || accept_word("ROLLBACK"))
            return {skip_accepted()};
        if (accept_word("EXEC") || accept_word("EXECUTE")) return {execute()};
        if (accept_word("PRINT")) return {Print{expression()}};
        if (accept_word("USE")) return {Use{name()}};
        if (accept_word("IF")) return {condition()};
        refuse();
    }

    Accepted skip_accepted() {
        while (token().kind != TokenKind::end && !is_symbol(";") &&
               !(token().kind == TokenKind::word && contains(statement_starts, token().text)))
            take();
        return {};
    }

    If condition() {
        If parsed;
        parsed.condition = expression();
        parsed.then = std::make_unique<Statement>(statement());
        accept_symbol(";");
        if (accept_word("ELSE")) parsed.otherwise = std::make_unique<Statement>(statement());
        return parsed;
    }

    Execute execute() {
        Execute parsed;
        parsed.procedure = dotted_name();
        if (!at_argument()) return parsed;
        do {
            if (token().kind == TokenKind::variable && is_symbol("=", 1)) {
                take();
                take();
            }
            parsed.arguments.push_back(expression());
        } while (accept_symbol(","));
        return parsed;
    }
    bool at_argument() const {
        switch (token().kind) {
            case TokenKind::text:
            case TokenKind::number:
            case TokenKind::binary:
            case TokenKind::variable:
                return true;
            default:
                return is_symbol("-") || is_word("NULL");
        }
    }

    std::string dotted_name() {
        std::string dotted = name();
        while (accept_symbol("."))
            dotted += "." + name();
        return dotted;
    }

    Select select() {
        expect_word("SELECT");
        Select parsed;
        parsed.distinct = accept_word("DISTINCT");
        if (!parsed.distinct) accept_word("ALL");
        if (accept_word("TOP")) parsed.top = top();
        do
            parsed.items.push_back(item());
        while (accept_symbol(","));
        if (accept_word("FROM")) sources(parsed.sources);
        if (accept_word("WHERE")) parsed.where = expression();
        if (accept_word("GROUP")) {
            expect_word("BY");
            do
                parsed.group_by.push_back(expression());
            while (accept_symbol(","));
        }
        if (accept_word("HAVING")) parsed.having = expression();
        if (accept_word("ORDER")) order(parsed.order_by);
        if (accept_word("OPTION")) skip_brackets();
        return parsed;
    }

    ExpressionPtr top() {
        if (!accept_symbol("(")) return primary();
        ExpressionPtr count = expression();
        expect_symbol(")");
        return count;
    }

    SelectItem item() {
        SelectItem parsed;
        if (accept_symbol("*")) return parsed;
        if (at_name() && is_symbol(".", 1) && is_symbol("*", 2)) {
            parsed.star_table = name();
            take();
            take();
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
        } else if (at_name()) {
            parsed.alias = name();
        }
        return parsed;
    }

    void sources(std::vector<Source>& parsed) {
        parsed.push_back(source(Join::none));
        while (true) {
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
            } else if (is_word("JOIN") || is_word("INNER") || is_word("LEFT")) {
                parsed.push_back(joined_source());
            } else {
                return;
            }
        }
    }

    Source joined_source() {
        const bool left = accept_word("LEFT");
        if (left) {
            accept_word("OUTER");
        } else {
            accept_word("INNER");
        }
        expect_word("JOIN");
        Source parsed = source(left ? Join::left : Join::inner);
        expect_word("ON");
        parsed.on = expression();
        return parsed;
    }

    Source source(Join join) {
        Source parsed;
        parsed.join = join;
        parsed.table = dotted_name();
        if (accept_symbol("(")) parsed.arguments = list();
        if (accept_word("AS")) {
            parsed.alias = name();
        } else if (at_name() && !is_word("WITH") && !is_word("APPLY")) {
            parsed.alias = name();
        }
        if (accept_word("WITH")) skip_brackets();
        return parsed;
    }

    void order(std::vector<OrderKey>& keys) {
        expect_word("BY");
        do {
            OrderKey key;
            key.value = expression();
            key.descending = accept_word("DESC");
            if (!key.descending) accept_word("ASC");
            keys.push_back(std::move(key));
        } while (accept_symbol(","));
    }

    void skip_brackets() {
        expect_symbol("(");
        for (int open = 1; open > 0; take()) {
            if (token().kind == TokenKind::end) refuse();
            if (is_symbol("(")) ++open;
            if (is_symbol(")")) --open;
        }
    }

    // Up to and with the closing bracket.
    std::vector<ExpressionPtr> list() {
        std::vector<ExpressionPtr> parsed;
        if (accept_symbol(")")) return parsed;
        do
            parsed.push_back(expression());
        while (accept_symbol(","));
        expect_symbol(")");
        return parsed;
    }

    ExpressionPtr expression() {
        const Depth depth(depth_);
        ExpressionPtr left = conjunction();
        while (accept_word("OR"))
            left = make_operation(Operator::disjunction, std::move(left), conjunction());
        return left;
    }

    ExpressionPtr conjunction() {
        ExpressionPtr left = negation();
        while (accept_word("AND"))
            left = make_operation(Operator::conjunction, std::move(left), negation());
        return left;
    }

    ExpressionPtr negation() {
        const Depth depth(depth_);
        if (accept_word("NOT")) return make_operation(Operator::negation, negation(), nullptr);
        return comparison();
    }

    ExpressionPtr comparison() {
        ExpressionPtr left = sum();
        static constexpr std::array<std::pair<std::string_view, Operator>, 8> operators{
            {{"=", Operator::equal},
             {"<>", Operator::unequal},
             {"!=", Operator::unequal},
             {"<", Operator::less},
             {"<=", Operator::less_equal},
             {">", Operator::greater},
             {">=", Operator::greater_equal},
             {"!>", Operator::less_equal}}};
        for (const auto& [symbol, op] : operators) {
            if (accept_symbol(symbol)) return make_operation(op, std::move(left), sum());
        }
        if (accept_word("IS")) {
            const bool negated = accept_word("NOT");
            expect_word("NULL");
            return make(NullTest{std::move(left), negated});
        }
        const bool negated = accept_word("NOT");
        ExpressionPtr test = membership(left, negated);
        if (!test) {
            if (negated) refuse();
            return left;
        }
        return test;
    }

    // IN, BETWEEN and LIKE; nothing if none of them follows.
    ExpressionPtr membership(ExpressionPtr& left, bool negated) {
        if (accept_word("IN")) {
            expect_symbol("(");
            if (is_symbol(")")) refuse();
            return make(InList{std::move(left), list(), negated});
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
        if (negated) test = make_operation(Operator::negation, std::move(test), nullptr);
        return test;
    }

    ExpressionPtr sum() {
        ExpressionPtr left = product();
        while (is_symbol("+") || is_symbol("-")) {
            const Operator op = is_symbol("+") ? Operator::add : Operator::subtract;
            take();
            left = make_operation(op, std::move(left), product());
        }
        return left;
    }

    ExpressionPtr product() {
        ExpressionPtr left = unary();
        while (is_symbol("*") || is_symbol("/") || is_symbol("%")) {
            const Operator op = is_symbol("*")   ? Operator::multiply
                                : is_symbol("/") ? Operator::divide
                                                 : Operator::modulo;
            take();
            left = make_operation(op, std::move(left), unary());
        }
        return left;
    }

    ExpressionPtr unary() {
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

    // Comparisons ignore letter case always, so a collation changes nothing.
    ExpressionPtr collated() {
        ExpressionPtr operand = primary();
        while (accept_word("COLLATE"))
            name();
        return operand;
    }

    ExpressionPtr primary() {
        switch (token().kind) {
            case TokenKind::text:
                return text_literal();
            case TokenKind::number:
                return number_literal();
            case TokenKind::binary: {
                const std::string hex = take().text;
                return make(Literal{Cell{hex}, {SqlType::varbinary, static_cast<int>((hex.size() - 1) / 2)}});
            }
            case TokenKind::variable:
                return make(Variable{take().text});
            case TokenKind::symbol:
                expect_symbol("(");
                return bracketed();
            case TokenKind::word:
            case TokenKind::name:
                return word();
            case TokenKind::end:
                break;
        }
        refuse();
    }

    ExpressionPtr bracketed() {
        ExpressionPtr inner = expression();
        expect_symbol(")");
        return inner;
    }

    ExpressionPtr text_literal() {
        const Token taken = take();
        const int length = std::max<int>(1, static_cast<int>(taken.text.size()));
        return make(Literal{Cell{taken.text}, {taken.national ? SqlType::nvarchar : SqlType::varchar, length}});
    }

    ExpressionPtr number_literal() {
        const std::string text = take().text;
        if (text.find_first_of("eE") != std::string::npos)
            return make(Literal{Cell{std::stod(text)}, {SqlType::float8}});
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

    ExpressionPtr word() {
        if (token().kind == TokenKind::word) {
            if (accept_word("NULL")) return make(Literal{Cell{}, {SqlType::integer}});
            if (accept_word("CASE")) return case_expression();
            const bool cast = is_word("CAST") || is_word("TRY_CAST");
            const bool conversion = is_word("CONVERT") || is_word("TRY_CONVERT");
            if ((cast || conversion) && is_symbol("(", 1)) {
                take();
                take();
                return cast ? cast_expression() : conversion_expression();
            }
            if (is_symbol("(", 1)) return call();
        }
        std::string first = name();
        if (is_symbol("(")) refuse();
        std::string table;
        while (accept_symbol(".")) {
            table = std::move(first);
            first = name();
        }
        return make(ColumnReference{std::move(table), std::move(first)});
    }

    ExpressionPtr call() {
        Call parsed;
        // LEFT is a function here and a join elsewhere.
        parsed.name = take().text;
        expect_symbol("(");
        if (accept_symbol("*")) {
            parsed.star = true;
            expect_symbol(")");
        } else {
            parsed.arguments = list();
        }
        return make(std::move(parsed));
    }

    ExpressionPtr cast_expression() {
        Cast parsed;
        parsed.operand = expression();
        expect_word("AS");
        parsed.type = type();
        expect_symbol(")");
        return make(std::move(parsed));
    }

    ExpressionPtr conversion_expression() {
        Cast parsed;
        parsed.type = type();
        expect_symbol(",");
        parsed.operand = expression();
        if (accept_symbol(",")) expression();
        expect_symbol(")");
        return make(std::move(parsed));
    }

    ColumnType type() {
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
    int type_argument() {
        if (token().kind != TokenKind::number) refuse();
        const std::string text = take().text;
        int value = 0;
        std::from_chars(text.data(), text.data() + text.size(), value);
        return value;
    }

    ExpressionPtr case_expression() {
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

    std::vector<Token> tokens_;
    std::size_t at_ = 0;
    int depth_ = 0;
};

}  // namespace

Batch parse_batch(std::string_view sql) {
    return Parser(sql).run();
}

}  // namespace tds_server
