#include "tds_server/tsql_lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "tds_server/sql_error.h"

namespace tds_server {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '#' ||
           static_cast<unsigned char>(c) >= 0x80;
}
bool is_word(char c) {
    return is_letter(c) || is_digit(c) || c == '$' || c == '@';
}
bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

class Lexer {
  public:
    explicit Lexer(std::string_view sql) : sql_(sql) {}

    std::vector<Token> run() {
        std::vector<Token> tokens;
        for (skip_blanks(); at_ < sql_.size(); skip_blanks()) {
            const std::size_t position = at_;
            tokens.push_back(next());
            tokens.back().position = position;
        }
        tokens.push_back({});
        tokens.back().position = sql_.size();
        return tokens;
    }

  private:
    char peek(std::size_t ahead = 0) const { return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0'; }

    void skip_blanks() {
        while (at_ < sql_.size()) {
            if (is_blank(peek())) {
                ++at_;
            } else if (peek() == '-' && peek(1) == '-') {
                at_ = std::min(sql_.find('\n', at_), sql_.size());
            } else if (peek() == '/' && peek(1) == '*') {
                skip_comment();
            } else {
                return;
            }
        }
    }

    // Comments nest.
    void skip_comment() {
        int open = 0;
        do {
            if (at_ + 1 >= sql_.size()) throw SqlError(113, 15, "Missing end comment mark '*/'.");
            const std::string_view two = sql_.substr(at_, 2);
            open += two == "/*" ? 1 : two == "*/" ? -1 : 0;
            at_ += two == "/*" || two == "*/" ? 2 : 1;
        } while (open > 0);
    }

    Token next() {
        const char c = peek();
        if ((c == 'N' || c == 'n') && peek(1) == '\'') {
            ++at_;
            return {TokenKind::text, quoted('\''), true, 0};
        }
        if (c == '\'') return {TokenKind::text, quoted('\''), false, 0};
        if (c == '[') return {TokenKind::name, quoted(']'), false, 0};
        if (c == '"') return {TokenKind::name, quoted('"'), false, 0};
        if (c == '0' && (peek(1) == 'x' || peek(1) == 'X')) return binary();
        if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
        if (c == '@') return {TokenKind::variable, take_word(), false, 0};
        if (is_letter(c)) return {TokenKind::word, take_word(), false, 0};
        return symbol();
    }

    // The closing sign doubled stands for itself.
    std::string quoted(char close) {
        std::string text;
        for (++at_; at_ < sql_.size(); ++at_) {
            if (peek() != close) {
                text += peek();
            } else if (peek(1) == close) {
                text += close;
                ++at_;
            } else {
                ++at_;
                return text;
            }
        }
        throw SqlError(105, 15,
                       fmt::format("Unclosed quotation mark after the character string '{}'.", text.substr(0, 80)));
    }

    std::string take_word() {
        const std::size_t start = at_;
        while (is_word(peek()))
            ++at_;
        return std::string(sql_.substr(start, at_ - start));
    }

    Token binary() {
        const std::string word = take_word();
        return {TokenKind::binary, word, false, 0};
    }

    Token number() {
        const std::size_t start = at_;
        const auto digits = [&] {
            while (is_digit(peek()))
                ++at_;
        };
        digits();
        if (peek() == '.') {
            ++at_;
            digits();
        }
        const bool sign = peek(1) == '-' || peek(1) == '+';
        if ((peek() == 'e' || peek() == 'E') && is_digit(peek(sign ? 2 : 1))) {
            at_ += sign ? 2 : 1;
            digits();
        }
        return {TokenKind::number, std::string(sql_.substr(start, at_ - start)), false, 0};
    }

    Token symbol() {
        static constexpr std::array<std::string_view, 6> pairs{"<=", ">=", "<>", "!=", "!<", "!>"};
        const std::string_view two = sql_.substr(at_, 2);
        const std::size_t size = std::find(pairs.begin(), pairs.end(), two) != pairs.end() ? 2 : 1;
        at_ += size;
        return {TokenKind::symbol, std::string(two.substr(0, size)), false, 0};
    }

    std::string_view sql_;
    std::size_t at_ = 0;
};

}  // namespace

std::vector<Token> tokenize(std::string_view sql) {
    return Lexer(sql).run();
}

bool same_text(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace tds_server
