#include "tds_server/collation.h"

#include <algorithm>
#include <array>

#include "tds_server/tsql_lexer.h"

namespace tds_server {

namespace {

constexpr std::array<std::string_view, 8> families{
    "Latin1_General", "SQL_Latin1_General", "Turkish", "French", "Danish", "Polish", "German", "Japanese"};

bool contains(std::string_view name, std::string_view part) {
    for (std::size_t i = 0; i + part.size() <= name.size(); ++i) {
        if (same_text(name.substr(i, part.size()), part)) return true;
    }
    return false;
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr std::string_view dotless_small_i = "\xC4\xB1";
constexpr std::string_view dotted_capital_i = "\xC4\xB0";

std::string turkish_key(std::string_view text) {
    std::string key;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == 'I') {
            key += dotless_small_i;
        } else if (text.substr(i, dotted_capital_i.size()) == dotted_capital_i) {
            key += 'i';
            ++i;
        } else {
            key += lower(text[i]);
        }
    }
    return key;
}

}  // namespace

std::optional<Collation> collation_from_name(std::string_view name) {
    Collation collation;
    const bool known = std::any_of(families.begin(), families.end(), [&](std::string_view family) {
        return same_text(name.substr(0, std::min(name.size(), family.size())), family);
    });
    if (!known) return std::nullopt;
    collation.turkish = same_text(name.substr(0, 7), "Turkish");
    collation.binary = contains(name, "_BIN");
    collation.ignores_case = contains(name, "_CI_");
    if (!collation.binary && !collation.ignores_case && !contains(name, "_CS_")) return std::nullopt;
    return collation;
}

std::string collation_key(std::string_view text, const Collation& collation) {
    text = without_end_blanks(text);
    std::string key(text);
    if (collation.binary || !collation.ignores_case) return key;
    if (collation.turkish) return turkish_key(text);
    std::transform(key.begin(), key.end(), key.begin(), lower);
    return key;
}

int compare_texts(std::string_view a, std::string_view b, const Collation& collation) {
    a = without_end_blanks(a);
    b = without_end_blanks(b);
    if (collation.turkish && !collation.binary && collation.ignores_case) return turkish_key(a).compare(turkish_key(b));
    // Case-sensitive orders still put the letters of the alphabet before their case.
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        const auto x = static_cast<unsigned char>(collation.binary ? a[i] : lower(a[i]));
        const auto y = static_cast<unsigned char>(collation.binary ? b[i] : lower(b[i]));
        if (x != y) return x < y ? -1 : 1;
    }
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
    return collation.binary || collation.ignores_case ? 0 : a.compare(b);
}

bool same_name(std::string_view a, std::string_view b, const Collation& collation) {
    return a.size() == b.size() && compare_texts(a, b, collation) == 0;
}

}  // namespace tds_server
