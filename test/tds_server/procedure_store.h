// The schemas and stored procedures that clients have made on a simulated server, and who may execute them.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "tds_server/server_view.h"
#include "tds_server/tsql_ast.h"

namespace tds_server {

class ProcedureStore {
  public:
    // All throw SqlError as the statements would fail. What they are called must be as it was made, letter by letter,
    // where the server tells capitals from small letters.
    void create(const CreateProcedure& command, const Collation& collation);
    void create(const CreateSchema& command, const Collation& collation);
    void drop(const DropProcedure& command, const Collation& collation);
    void administrate(const Administration& command, const Collation& collation);

    struct Stored {
        int id = 0;
        std::string schema;
        std::string name;
        Procedure procedure;
        bool granted = false;
    };
    // Null: there is none.
    const Stored* find(const ObjectName& name, const Collation& collation) const;
    bool may_execute(const Stored& stored) const;
    std::optional<int> schema_id(std::string_view name, const Collation& collation) const;

    const std::deque<Stored>& procedures() const noexcept { return procedures_; }
    const std::deque<std::string>& schemas() const noexcept { return schemas_; }

  private:
    Stored* find_stored(const ObjectName& name, const Collation& collation);

    std::deque<std::string> schemas_{"dbo"};
    std::set<std::string> granted_schemas_;
    std::deque<Stored> procedures_;
    int last_id_ = 1000;
};

}  // namespace tds_server
