// Objects that no SQL Server has by itself, for tests of clients: a table with every data type, two procedures, and the
// views of what clients create.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "tds_server/engine.h"
#include "tds_server/fixture_engine.h"
#include "tds_server/relation.h"

namespace tds_server {

constexpr std::string_view all_types_table = "tds_server.all_types";
const std::vector<Column>& all_types_columns();
std::vector<Row> all_types_rows();

// tds_server.sample_procedure, tds_server.raise N; nothing for any other. Throws SqlError.
std::optional<Reply> call_sample_procedure(std::string_view procedure, const std::vector<Cell>& arguments,
                                           const Fixture& fixture);

// What CREATE SCHEMA and CREATE PROCEDURE have made, and the sample table.
const std::array<Relation, 5>& made_relations();

}  // namespace tds_server
