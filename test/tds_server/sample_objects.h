// Objects that no SQL Server has, for tests of clients: a table with every data type, and two procedures.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "tds_server/engine.h"
#include "tds_server/fixture_engine.h"

namespace tds_server {

constexpr std::string_view all_types_table = "tds_server.all_types";
const std::vector<Column>& all_types_columns();
std::vector<Row> all_types_rows();

// tds_server.sample_procedure, tds_server.raise N; nothing for any other. Throws SqlError.
std::optional<Reply> call_sample_procedure(std::string_view procedure, const std::vector<Cell>& arguments,
                                           const Fixture& fixture);

}  // namespace tds_server
