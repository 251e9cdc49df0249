// How texts compare: the parts of SQL Server's collations that monitoring queries stumble over.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tds_server {

struct Collation {
    bool ignores_case = true;
    bool turkish = false;  // the small letter of I is ı, the capital of i is İ
    bool binary = false;   // by code points

    bool operator==(const Collation&) const = default;
};

// "Latin1_General_CS_AS", "Turkish_CI_AS", "Latin1_General_BIN2"; nothing for what is no collation's name.
std::optional<Collation> collation_from_name(std::string_view name);

// Eight at a time: names of counters are padded to 128 characters.
inline std::string_view without_end_blanks(std::string_view text) {
    constexpr std::string_view blanks = "        ";
    while (text.ends_with(blanks))
        text.remove_suffix(blanks.size());
    return text.substr(0, text.find_last_not_of(' ') + 1);
}

// Two texts that this collation holds for equal have the same key, and keys order as the texts do. Blanks at the end
// never count.
std::string collation_key(std::string_view text, const Collation& collation);

int compare_texts(std::string_view a, std::string_view b, const Collation& collation);

// Of names of tables, columns, variables on a server of this collation.
bool same_name(std::string_view a, std::string_view b, const Collation& collation);

}  // namespace tds_server
