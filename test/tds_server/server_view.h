// What the evaluator of T-SQL asks the simulated server.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tds_server/collation.h"
#include "tds_server/engine.h"
#include "tds_server/tsql_ast.h"

namespace tds_server {

class Program;
class Relation;
class QueryPlan;

struct Property {
    Cell value;
    ColumnType type;
};

using RowsPtr = std::shared_ptr<const std::vector<Row>>;

// Which columns of a table somebody reads. Empty: all of them.
using ColumnSet = std::vector<bool>;
inline bool has_column(const ColumnSet& columns, std::size_t index) {
    return columns.empty() || columns[index];
}

// A stored procedure as EXEC finds it.
struct Procedure {
    std::string name;
    Declare parameters;
    std::string body;
    bool elevated = false;  // runs with more rights than its caller's: signed, or WITH EXECUTE AS OWNER
};

class ServerView {
  public:
    ServerView() = default;
    ServerView(const ServerView&) = delete;
    ServerView& operator=(const ServerView&) = delete;
    virtual ~ServerView() = default;

    // Of the databases, which is that of the names in them, too.
    virtual const Collation& collation() const = 0;
    // Which kind of server this is: queries are planned once for each.
    virtual const void* kind() const = 0;
    // Null: there is no such table or view. Throws SqlError where the database cannot be used.
    virtual const Relation* relation(const ObjectName& name, bool function) const = 0;
    // Columns that are not wanted may be NULL. Throws SqlError when the session may not read it.
    virtual RowsPtr rows(const Relation& relation, const ColumnSet& wanted) const = 0;
    // The type of a property does not depend on the session.
    virtual std::optional<Property> property(std::string_view name) const = 0;
    virtual std::optional<Property> database_property(std::string_view database, std::string_view name) const = 0;
    virtual std::optional<bool> may(std::string_view permission, std::string_view object) const = 0;
    virtual bool is_member(std::string_view server_role) const = 0;
    virtual std::int64_t utc_ticks() const = 0;
    virtual std::int64_t local_ticks() const = 0;
    virtual const ClientContext& client() const = 0;
    // Throws SqlError for a database that cannot be used.
    virtual void use(std::string_view database) const = 0;

    virtual std::shared_ptr<Program> program(std::string_view sql) const = 0;
    virtual std::optional<int> object_id(std::string_view name, std::string_view kind) const = 0;
    virtual std::optional<int> schema_id(std::string_view name) const = 0;
    // Of a LOGIN, USER, ROLE or CERTIFICATE.
    virtual std::optional<int> principal_id(std::string_view object_class, std::string_view name) const = 0;
    // Null: there is none. Throws SqlError when the session may not execute it.
    virtual const Procedure* procedure(const ObjectName& name) const = 0;
    // The server as an elevated procedure sees it.
    virtual std::unique_ptr<ServerView> elevated() const = 0;
    // What the session has prepared.
    virtual PreparedStatements& prepared() const = 0;
    // Throws SqlError when the session may not.
    virtual void require_prepare() const = 0;
    virtual std::optional<Reply> system_procedure(std::string_view name, const std::vector<Cell>& arguments) const = 0;
    // Throw SqlError.
    virtual void create(const CreateProcedure& procedure) const = 0;
    virtual void create(const CreateSchema& schema) const = 0;
    virtual void drop(const DropProcedure& procedure) const = 0;
    virtual void administrate(const Administration& command) const = 0;
    virtual void clear(const ClearStatistics& command) const = 0;

    // How long a test wants the views that were read since the last call to take.
    virtual std::chrono::milliseconds take_delay() const = 0;
    // A result that was made for an equal question; the key says which query of which program asks.
    virtual SharedResultPtr recall(const QueryPlan& plan) const = 0;
    // Nothing where the result cannot be shared.
    virtual SharedResultPtr remember(const QueryPlan& plan, ResultSet& result) const = 0;
};

}  // namespace tds_server
