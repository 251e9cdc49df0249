// Runs batches of T-SQL against a simulated server.
#pragma once

#include <memory>
#include <string_view>

#include "tds_server/engine.h"
#include "tds_server/program.h"
#include "tds_server/server_view.h"

namespace tds_server {

// As SQL Server does: a batch that does not parse, or names a column that a known table lacks, answers nothing but the
// error; a missing table ends the batch or procedure where it is met; conversions that fail and deadlocks end
// everything; other errors end their statement.
Reply run_batch(const std::shared_ptr<Program>& program, const ServerView& server);

// Whether the batch, or what it executes, reads this view.
bool reads_view(const Program& program, const ServerView& server, std::string_view view);

}  // namespace tds_server
