// The schemas and stored procedures that clients have made on a simulated server, and who may execute them.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

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
    void administrate(const Administration& command, std::string_view database, const Collation& collation);

    // Logins are the server's, users, roles and certificates a database's. Null: there is none.
    std::optional<int> principal_id(std::string_view object_class, std::string_view name, std::string_view database,
                                    const Collation& collation) const;
    std::vector<std::string> principals(std::string_view object_class, std::string_view database) const;

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
    struct Principal {
        std::string object_class;
        std::string name;
        std::string database;  // empty: the server
        int id = 0;
    };
    void change_principal(const Administration& command, std::string_view database, const Collation& collation);

    Stored* find_stored(const ObjectName& name, const Collation& collation);

    std::deque<std::string> schemas_{"dbo"};
    std::set<std::string> granted_schemas_;
    std::deque<Stored> procedures_;
    std::vector<Principal> principals_;
    int last_id_ = 1000;
};

}  // namespace tds_server
