#include "tds_server/token_cursor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tds_server/sql_error.h"

namespace tds_server {

namespace {

constexpr int max_depth = 100;

// Words that end a name without AS in front of it, or a statement.
constexpr std::array<std::string_view, 59> reserved{
    "ADD",     "ALL",      "ALTER",  "AND",   "AS",      "ASC",     "BEGIN",     "BETWEEN", "BY",       "CASE",
    "COLLATE", "COMMIT",   "CREATE", "CROSS", "DBCC",    "DECLARE", "DENY",      "DESC",    "DISTINCT", "DROP",
    "ELSE",    "END",      "EXCEPT", "EXEC",  "EXECUTE", "EXISTS",  "FETCH",     "FOR",     "FROM",     "FULL",
    "GRANT",   "GROUP",    "HAVING", "IF",    "IN",      "INNER",   "INTERSECT", "IS",      "JOIN",     "LEFT",
    "LIKE",    "NOT",      "NULL",   "ON",    "OPTION",  "OR",      "ORDER",     "OUTER",   "PRINT",    "RETURN",
    "RIGHT",   "ROLLBACK", "SELECT", "SET",   "THEN",    "UNION",   "USE",       "WHEN",    "WHERE"};
constexpr std::array<std::string_view, 23> statement_starts{
    "ADD",       "ALTER",  "BEGIN",  "COMMIT",   "CREATE",  "DBCC",  "DECLARE", "DENY",
    "DROP",      "ELSE",   "END",    "EXEC",     "EXECUTE", "GRANT", "IF",      "PRINT",
    "RAISERROR", "RETURN", "REVOKE", "ROLLBACK", "SELECT",  "SET",   "USE"};

template <std::size_t size>
bool contains(const std::array<std::string_view, size>& words, std::string_view word) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view known) { return same_text(known, word); });
}

}  // namespace

std::string ObjectName::text() const {
    return fmt::format("{}", fmt::join(parts, "."));
}

TokenCursor::Depth::Depth(int& depth) : depth_(depth) {
    if (++depth_ <= max_depth) return;
    --depth_;
    throw SqlError(
        191, 15,
        "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into smaller "
        "queries.");
}

const Token& TokenCursor::token(std::size_t ahead) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

Token TokenCursor::take() {
    Token taken = token();
    if (at_ + 1 < tokens_.size()) ++at_;
    return taken;
}

bool TokenCursor::is_word(std::string_view word, std::size_t ahead) const {
    return token(ahead).kind == TokenKind::word && same_text(token(ahead).text, word);
}

bool TokenCursor::is_symbol(std::string_view symbol, std::size_t ahead) const {
    return token(ahead).kind == TokenKind::symbol && token(ahead).text == symbol;
}

void TokenCursor::refuse() const {
    if (at_end()) throw SqlError(102, 15, "Incorrect syntax near the end of the batch.");
    if (token().kind == TokenKind::word && contains(reserved, token().text))
        throw SqlError(156, 15, fmt::format("Incorrect syntax near the keyword '{}'.", token().text));
    throw SqlError(102, 15, fmt::format("Incorrect syntax near '{}'.", token().text));
}

void TokenCursor::expect_word(std::string_view word) {
    if (!accept_word(word)) refuse();
}

void TokenCursor::expect_symbol(std::string_view symbol) {
    if (!accept_symbol(symbol)) refuse();
}

void TokenCursor::skip_semicolons() {
    while (accept_symbol(";")) {
    }
}

bool TokenCursor::at_name(std::size_t ahead) const {
    return token(ahead).kind == TokenKind::name ||
           (token(ahead).kind == TokenKind::word && !contains(reserved, token(ahead).text));
}

std::string TokenCursor::name() {
    if (!at_name()) refuse();
    return take().text;
}

ObjectName TokenCursor::object_name() {
    ObjectName parsed{{name()}};
    while (accept_symbol(".")) {
        // "msdb..sysjobs": the default schema.
        parsed.parts.push_back(is_symbol(".") ? "dbo" : name());
    }
    return parsed;
}

std::string TokenCursor::variable() {
    if (token().kind != TokenKind::variable) refuse();
    return take().text;
}

bool TokenCursor::at_statement() const {
    return token().kind == TokenKind::word && contains(statement_starts, token().text);
}

}  // namespace tds_server
