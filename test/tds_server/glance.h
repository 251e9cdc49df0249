// The server as one session sees it during one batch.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "tds_server/engine_state.h"
#include "tds_server/server_view.h"

namespace tds_server {

class Glance : public ServerView {
  public:
    Glance(EngineState& state, ClientContext& client);

    const Collation& collation() const override { return state_.catalogue->collation(); }
    const void* kind() const override { return state_.catalogue; }
    const Relation* relation(const ObjectName& name, bool function) const override;
    RowsPtr rows(const Relation& relation, const ColumnSet& wanted) const override;
    std::optional<Property> property(std::string_view name) const override;
    std::optional<Property> database_property(std::string_view database, std::string_view name) const override;
    std::optional<bool> may(std::string_view permission, std::string_view object) const override;
    bool is_member(std::string_view server_role) const override;
    std::int64_t utc_ticks() const override;
    std::int64_t local_ticks() const override;
    const ClientContext& client() const override;
    void use(std::string_view database) const override;
    std::shared_ptr<Program> program(std::string_view sql) const override;
    std::optional<int> object_id(std::string_view name, std::string_view kind) const override;
    std::optional<int> schema_id(std::string_view name) const override;
    std::optional<int> principal_id(std::string_view object_class, std::string_view name) const override;
    const Procedure* procedure(const ObjectName& name) const override;
    std::unique_ptr<ServerView> elevated() const override;
    PreparedStatements& prepared() const override { return client_.prepared; }
    void require_prepare() const override;
    std::optional<Reply> system_procedure(std::string_view name, const std::vector<Cell>& arguments) const override;
    void create(const CreateProcedure& command) const override;
    void create(const CreateSchema& command) const override;
    void drop(const DropProcedure& command) const override;
    void administrate(const Administration& command) const override;
    void clear(const ClearStatistics& command) const override;
    std::chrono::milliseconds take_delay() const override;
    SharedResultPtr recall(const QueryPlan& plan) const override;
    SharedResultPtr remember(const QueryPlan& plan, ResultSet& result) const override;

    // The error with which the database cannot be used; nothing if it can.
    std::optional<ServerMessage> database_refusal(std::string_view database) const;

  private:
    bool administrates() const;
    bool may_view_state() const;
    void require_administrator(int error, const std::string& text) const;
    void check(const Relation& relation) const;
    void disturb(const Relation& relation) const;
    [[noreturn]] void deny(int number, const std::string& text) const;
    const Relation* in_database(std::string_view database, std::string_view name) const;
    const Relation* objects_relation(std::string_view name) const;
    std::vector<Row> object_rows(const Relation& relation) const;
    std::vector<Row> recorded_rows(const Relation& relation, const ColumnSet& wanted) const;
    std::vector<Row> view_rows(const Relation& relation, const ColumnSet& wanted) const;
    std::vector<Row> read(const Relation& relation, const ColumnSet& wanted) const;
    void personalise(const RecordedTable& table, std::vector<Row>& rows) const;
    std::string server_name() const;
    std::string result_key(const PlanMemory& memory) const;

    EngineState& state_;
    ClientContext& client_;
    bool all_rights_ = false;  // of a view, or of a procedure that was signed
    bool inside_view_ = false;
    // What a result depends on, beside the moment and the kind of server.
    struct Dependence {
        bool session = false;
        bool server = false;
        bool never = false;

        void add(const Dependence& other) noexcept {
            session = session || other.session;
            server = server || other.server;
            never = never || other.never;
        }
    };
    // What a batch has read already.
    struct ReadRows {
        RowsPtr rows;
        Dependence dependence;
    };
    std::shared_ptr<Dependence> dependence_;
    std::shared_ptr<std::chrono::milliseconds> delay_;
    mutable std::map<std::pair<const Relation*, ColumnSet>, ReadRows> read_;
    mutable std::string session_key_;
};

}  // namespace tds_server
