// One statement through SPI, with its results copied into C++ values.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vitals::pg {

using Cell = std::optional<std::string>;  // the value's text form; nothing for NULL
using Row = std::vector<Cell>;

// Runs one statement inside a Transaction. Parameters are passed as text ($1::jsonb casts them). Throws ServerError.
std::vector<Row> query(const char* sql, std::initializer_list<std::string_view> parameters = {});

// The identifier, quoted where SQL needs it.
std::string quote_identifier(std::string_view name);

}  // namespace vitals::pg
