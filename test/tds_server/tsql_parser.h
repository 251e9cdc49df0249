// Builds the tree of a batch.
#pragma once

#include <string_view>

#include "tds_server/tsql_ast.h"

namespace tds_server {

// Throws SqlError: 102 and relatives, as SQL Server would.
Batch parse_batch(std::string_view sql);

}  // namespace tds_server
