// Cuts T-SQL into tokens.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tds_server {

enum class TokenKind {
    word,      // keyword or name
    name,      // [name] or "name": never a keyword
    variable,  // @x or @@x
    text,      // 'x' or N'x', without the quotes
    number,
    binary,  // 0x...
    symbol,
    end
};

struct Token {
    TokenKind kind = TokenKind::end;
    std::string text;
    bool national = false;     // N'...'
    std::size_t position = 0;  // of its first character in the text
};

// The last token is of kind end. Throws SqlError 105 for a quote that is not closed.
std::vector<Token> tokenize(std::string_view sql);

bool same_text(std::string_view a, std::string_view b) noexcept;  // ASCII letter case ignored

}  // namespace tds_server
