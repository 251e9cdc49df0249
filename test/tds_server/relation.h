// A table or view as one kind of server has it: the columns of its version, and what one must be allowed to read it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tds_server/engine.h"

namespace tds_server {

struct RecordedTable;
struct Query;
class QueryPlan;

enum class Need {
    nothing,
    server_state,       // VIEW SERVER STATE, else 300 and 297
    database_state,     // VIEW DATABASE STATE, else 262
    server_definition,  // VIEW ANY DEFINITION, else its rows are hidden
    own_rows,           // without VIEW SERVER STATE the session sees its own rows only
    msdb                // SELECT in msdb, else 229
};

class Relation {
  public:
    std::string name;
    std::vector<Column> columns;
    Need need = Need::nothing;
    bool function = false;
    // Where its rows come from: a recorded table, whose columns are picked, or the query of a view.
    const RecordedTable* recorded = nullptr;
    std::vector<std::size_t> picked;
    std::shared_ptr<const QueryPlan> plan;
    // Reads as if it were another type: what versions differ in.
    std::vector<bool> converted;
};

}  // namespace tds_server
