// Runs batches of T-SQL against a simulated server.
#pragma once

#include <string_view>

#include "tds_server/engine.h"
#include "tds_server/server_view.h"
#include "tds_server/tsql_ast.h"

namespace tds_server {

// As SQL Server does: a batch that does not parse, or names a column that a known table lacks, answers nothing but the
// error; a missing table ends the batch where it is met; other errors end their statement.
Reply run_batch(const Batch& batch, const ServerView& server);

// Whether a SELECT of the batch reads this table.
bool reads_table(const Batch& batch, std::string_view table);

}  // namespace tds_server
