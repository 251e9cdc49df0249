// Where a parser of T-SQL stands in its tokens, and the words that it may not take for names.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tds_server/tsql_ast.h"
#include "tds_server/tsql_lexer.h"

namespace tds_server {

class TokenCursor {
  public:
    explicit TokenCursor(std::string_view sql) : sql_(sql), tokens_(tokenize(sql)) {}

  protected:
    // Keeps a hostile or mistaken batch from exhausting the stack.
    class Depth {
      public:
        explicit Depth(int& depth);
        Depth(const Depth&) = delete;
        Depth& operator=(const Depth&) = delete;
        ~Depth() { --depth_; }

      private:
        int& depth_;
    };

    const Token& token(std::size_t ahead = 0) const;
    Token take();
    bool at_end() const { return token().kind == TokenKind::end; }
    bool is_word(std::string_view word, std::size_t ahead = 0) const;
    bool is_symbol(std::string_view symbol, std::size_t ahead = 0) const;
    bool accept_word(std::string_view word) { return is_word(word) && (take(), true); }
    bool accept_symbol(std::string_view symbol) { return is_symbol(symbol) && (take(), true); }
    [[noreturn]] void refuse() const;
    void expect_word(std::string_view word);
    void expect_symbol(std::string_view symbol);
    void skip_semicolons();

    bool at_name(std::size_t ahead = 0) const;
    std::string name();
    ObjectName object_name();
    std::string variable();
    bool at_statement() const;

    std::string_view rest_of_text() const { return sql_.substr(token().position); }

    int depth_ = 0;

  private:
    std::string_view sql_;
    std::vector<Token> tokens_;
    std::size_t at_ = 0;
};

}  // namespace tds_server
