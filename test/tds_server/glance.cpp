#include "tds_server/glance.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "tds_server/sample_objects.h"
#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/timestamps.h"
#include "tds_server/tsql_lexer.h"
#include "tds_server/tsql_plan.h"

namespace tds_server {

namespace {

constexpr int first_with_performance_state = 16;
constexpr int first_with_connect_any = 12;
constexpr std::string_view internal_schema = "fixture.";

struct PropertyColumn {
    std::string_view property;
    std::string_view column;
};
constexpr std::array<PropertyColumn, 4> property_columns{{
    {"ProductLevel", "product_level"},
    {"IsClustered", "is_clustered"},
    {"Collation", "collation"},
    {"EngineEdition", "engine_edition"},
}};
constexpr ColumnType name_type{SqlType::nvarchar, 128};
constexpr ColumnType int_type{SqlType::integer};

bool is_system_database(std::string_view name) {
    static constexpr std::array<std::string_view, 4> names{"master", "tempdb", "model", "msdb"};
    return std::any_of(names.begin(), names.end(), [&](std::string_view known) { return same_text(known, name); });
}

// What shows the session that asks.
bool is_personal(const RecordedTable& table) {
    return table.name == "fixture.sessions" || table.name == "fixture.requests" || table.name == "fixture.connections";
}

// The wanted columns of a relation as columns of the table or query behind it.
ColumnSet picked_from(const Relation& relation, const ColumnSet& wanted, std::size_t columns_behind) {
    if (wanted.empty()) return {};
    ColumnSet behind(columns_behind);
    for (std::size_t i = 0; i < relation.picked.size(); ++i)
        behind[relation.picked[i]] = wanted[i];
    return behind;
}

ObjectName split(std::string_view text) {
    ObjectName name;
    std::string part;
    for (const char c : text) {
        if (c == '.') {
            name.parts.push_back(std::exchange(part, {}));
        } else if (c != '[' && c != ']') {
            part += c;
        }
    }
    name.parts.push_back(part);
    return name;
}

}  // namespace

Glance::Glance(EngineState& state, ClientContext& client)
    : state_(state),
      client_(client),
      dependence_(std::make_shared<Dependence>()),
      delay_(std::make_shared<std::chrono::milliseconds>(0)) {
    all_rights_ = administrates();
}

bool Glance::administrates() const {
    return state_.options.profile.administrator || client_.login == state_.options.administrator;
}

bool Glance::may_view_state() const {
    return all_rights_ || state_.options.profile.view_state;
}

const ClientContext& Glance::client() const {
    dependence_->session = true;
    return client_;
}

std::int64_t Glance::utc_ticks() const {
    const auto elapsed_ms = std::llround(static_cast<double>(state_.data().ms_between_polls) * state_.moment.time);
    return state_.data().utc_ticks + state_.moment.shift + elapsed_ms * ticks_per_ms;
}

std::int64_t Glance::local_ticks() const {
    // Azure lives in UTC.
    return utc_ticks() + (state_.options.profile.is_azure_database() ? 0 : state_.data().utc_offset_ticks);
}

const Relation* Glance::objects_relation(std::string_view name) const {
    const auto& relations = made_relations();
    const auto* found = std::find_if(relations.begin(), relations.end(), [&](const Relation& relation) {
        return same_name(relation.name, name, collation());
    });
    return found != relations.end() ? found : nullptr;
}

const Relation* Glance::in_database(std::string_view database, std::string_view name) const {
    Glance inside(state_, client_);
    inside.all_rights_ = true;
    inside.inside_view_ = true;
    inside.dependence_ = dependence_;
    // tempdb has a view of its own, and msdb its tables; system views are the same everywhere.
    if (const Relation* own = state_.catalogue->find(fmt::format("{}.{}", database, name), inside)) return own;
    if (name.starts_with("dbo.")) return nullptr;
    if (const Relation* made = objects_relation(name)) return made;
    return state_.catalogue->find(name, inside);
}

const Relation* Glance::relation(const ObjectName& name, bool) const {
    const auto& parts = name.parts;
    if (inside_view_) {
        Glance inside(state_, client_);
        inside.all_rights_ = true;
        inside.inside_view_ = true;
        inside.dependence_ = dependence_;
        return state_.catalogue->find(name.text(), inside);
    }
    if (parts.size() > 3)
        throw SqlError(
            7202, 11,
            fmt::format("Could not find server '{}' in sys.servers. Verify that the correct server name was "
                        "specified. If necessary, execute the stored procedure sp_addlinkedserver to add the "
                        "server to sys.servers.",
                        parts.front()));
    if (name.text().starts_with(internal_schema)) return nullptr;
    if (parts.size() == 1) return in_database(client_.database, "dbo." + parts[0]);
    if (parts.size() == 2) return in_database(client_.database, name.text());
    const bool own = same_name(parts[0], client_.database, collation());
    if (state_.options.profile.is_azure_database() && !own && !same_text(parts[0], "tempdb"))
        throw SqlError(
            40515, 15,
            fmt::format("Reference to database and/or server name in '{}' is not supported in this version of SQL "
                        "Server.",
                        name.text()));
    if (const auto refusal = database_refusal(parts[0])) {
        constexpr int no_such_database = 911;
        if (refusal->number == no_such_database) return nullptr;
        throw SqlError(*refusal);
    }
    return in_database(parts[0], parts[1] + "." + parts[2]);
}

std::optional<ServerMessage> Glance::database_refusal(std::string_view database) const {
    const RecordedTable& table = *state_.data().table("fixture.databases");
    const std::vector<Row> rows = content_of(state_, table);
    const std::size_t name = table.column("name").value();
    const std::size_t state = table.column("state").value();
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& known) {
        return compare_texts(to_text(known[name]), database, collation()) == 0;
    });
    if (row == rows.end())
        return ServerMessage{
            911, 16, 1,
            fmt::format("Database '{}' does not exist. Make sure that the name is entered correctly.", database)};
    if (to_double((*row)[state]) != 0)
        return ServerMessage{942, 14, 4,
                             fmt::format("Database '{}' cannot be opened because it is offline.", database)};
    if (!all_rights_ && !state_.options.profile.all_databases && !is_system_database(database))
        return ServerMessage{
            916, 14, 2,
            fmt::format("The server principal \"{}\" is not able to access the database \"{}\" under the "
                        "current security context.",
                        client_.login, database)};
    return std::nullopt;
}

void Glance::use(std::string_view database) const {
    if (state_.options.profile.is_azure_database() && !same_name(database, client_.database, collation()))
        throw SqlError(
            40508, 16,
            "USE statement is not supported to switch between databases. Use a new connection to connect to a "
            "different database.");
    if (const auto refusal = database_refusal(database)) throw SqlError(*refusal);
    client_.database = std::string(database);
    session_key_.clear();
}

void Glance::deny(int number, const std::string& text) const {
    constexpr int usual_level = 14;
    throw SqlError(number, usual_level, text);
}

void Glance::check(const Relation& relation) const {
    const ServerProfile& profile = state_.options.profile;
    if (all_rights_) return;
    const std::size_t dot = relation.name.rfind('.');
    switch (relation.need) {
        case Need::server_state:
        case Need::database_state:
            if (profile.view_state) return;
            if (relation.need == Need::database_state || profile.is_azure_database())
                deny(262, fmt::format("VIEW DATABASE STATE permission denied in database '{}'.", client_.database));
            deny(300, fmt::format("VIEW SERVER {}STATE permission was denied on object 'server', database 'master'.",
                                  profile.features() >= first_with_performance_state ? "PERFORMANCE " : ""));
        case Need::msdb:
            if (profile.msdb) return;
            deny(229, fmt::format("The SELECT permission was denied on the object '{}', database 'msdb', schema 'dbo'.",
                                  relation.name.substr(dot + 1)));
        default:
            return;
    }
}

void Glance::disturb(const Relation& relation) const {
    if (inside_view_) return;
    const auto found = state_.disturbances.find(relation.name);
    if (found == state_.disturbances.end()) return;
    *delay_ += found->second.delay;
    if (found->second.error == 0) return;
    const auto recorded = state_.options.fixture->error(found->second.error);
    throw SqlError(recorded ? *recorded
                            : ServerMessage{found->second.error, 16, 1, fmt::format("Error {}.", found->second.error)});
}

std::chrono::milliseconds Glance::take_delay() const {
    return std::exchange(*delay_, std::chrono::milliseconds(0));
}

RowsPtr Glance::rows(const Relation& relation, const ColumnSet& wanted) const {
    const auto& made = made_relations();
    if (&relation >= made.data() && &relation < made.data() + made.size()) {
        dependence_->never = true;
        return std::make_shared<const std::vector<Row>>(object_rows(relation));
    }
    check(relation);
    disturb(relation);
    ReadRows& known = read_[{&relation, wanted}];
    if (!known.rows) {
        const Dependence before = std::exchange(*dependence_, {});
        known.rows = std::make_shared<const std::vector<Row>>(read(relation, wanted));
        known.dependence = std::exchange(*dependence_, before);
    }
    dependence_->add(known.dependence);
    return known.rows;
}

std::vector<Row> Glance::read(const Relation& relation, const ColumnSet& wanted) const {
    return relation.recorded != nullptr ? recorded_rows(relation, wanted) : view_rows(relation, wanted);
}

std::vector<Row> Glance::object_rows(const Relation& relation) const {
    if (relation.name == all_types_table) return all_types_rows();
    std::vector<Row> rows;
    std::int64_t id = 0;
    if (relation.name == "sys.schemas") {
        for (const std::string& schema : state_.procedures.schemas())
            rows.push_back({Cell{schema}, Cell{++id}, Cell{std::int64_t{1}}});
        return rows;
    }
    if (relation.name == "sys.certificates") {
        for (const std::string& name : state_.procedures.principals("CERTIFICATE", client_.database))
            rows.push_back({Cell{name}, Cell{++id}});
        return rows;
    }
    for (const auto& stored : state_.procedures.procedures()) {
        const auto schema = state_.procedures.schema_id(stored.schema, collation());
        rows.push_back({Cell{stored.name}, Cell{std::int64_t{stored.id}}, Cell{std::int64_t{schema.value_or(0)}},
                        Cell{"P "}, Cell{"SQL_STORED_PROCEDURE"}});
    }
    return rows;
}

std::vector<Row> Glance::recorded_rows(const Relation& relation, const ColumnSet& wanted) const {
    ColumnSet behind = picked_from(relation, wanted, relation.recorded->columns.size());
    if (!behind.empty() && is_personal(*relation.recorded)) {
        for (const std::string_view key : {"session_id", "blocking_session_id"})
            if (const auto column = relation.recorded->column(key)) behind[*column] = true;
    }
    std::vector<Row> rows = content_of(state_, *relation.recorded, behind);
    personalise(*relation.recorded, rows);
    const std::size_t all = relation.recorded->columns.size();
    const bool converts =
        std::find(relation.converted.begin(), relation.converted.end(), true) != relation.converted.end();
    if (relation.picked.size() == all && !converts) return rows;
    for (Row& row : rows) {
        Row picked;
        picked.reserve(relation.picked.size());
        for (std::size_t i = 0; i < relation.picked.size(); ++i) {
            Cell& cell = row[relation.picked[i]];
            // 2014's int has wrapped where the number is too great for it.
            if (relation.converted[i] && relation.columns[i].type.type == SqlType::integer && !is_null(cell))
                cell = Cell{std::int64_t{static_cast<std::int32_t>(std::get<std::int64_t>(cell))}};
            picked.push_back(relation.converted[i] ? convert(cell, relation.columns[i].type) : std::move(cell));
        }
        row = std::move(picked);
    }
    return rows;
}

std::vector<Row> Glance::view_rows(const Relation& relation, const ColumnSet& wanted) const {
    if (relation.need == Need::server_definition && !all_rights_ && !state_.options.profile.view_definition) return {};
    Glance inside(state_, client_);
    inside.all_rights_ = true;
    inside.inside_view_ = true;
    inside.dependence_ = dependence_;
    static const Variables none;
    QueryFrame frame{inside, none};
    const bool own_rows = relation.need == Need::own_rows && !may_view_state();
    const ColumnSet behind = picked_from(relation, wanted, relation.plan->columns.size());
    if (!own_rows && relation.plan->has_independent_columns()) frame.wanted = &behind;
    std::vector<Row> rows = run_query(*relation.plan, frame);
    if (own_rows) {
        dependence_->session = true;
        const auto column = std::find_if(relation.columns.begin(), relation.columns.end(),
                                         [](const Column& known) { return known.name == "session_id"; });
        const auto index = static_cast<std::size_t>(column - relation.columns.begin());
        std::erase_if(rows, [&](const Row& row) { return row[index] != Cell{std::int64_t{client_.spid}}; });
    }
    if (relation.picked.size() == relation.plan->columns.size()) return rows;
    for (Row& row : rows) {
        Row picked;
        picked.reserve(relation.picked.size());
        for (const std::size_t i : relation.picked)
            picked.push_back(std::move(row[i]));
        row = std::move(picked);
    }
    return rows;
}

// The session that made the recording is the one that asks now.
void Glance::personalise(const RecordedTable& table, std::vector<Row>& rows) const {
    if (!is_personal(table)) return;
    dependence_->session = true;
    const std::size_t session = table.column("session_id").value();
    const auto set = [&](Row& row, std::string_view name, Cell value) {
        if (const auto column = table.column(name)) row[*column] = std::move(value);
    };
    // Who has this number in the recording gets the other one's.
    const Cell recorded{std::int64_t{state_.data().spid}};
    const Cell own{std::int64_t{client_.spid}};
    const auto exchange = [&](Cell& number) {
        if (number == recorded) {
            number = own;
        } else if (number == own) {
            number = recorded;
        }
    };
    const auto blocker = table.column("blocking_session_id");
    for (Row& row : rows) {
        const bool asks = row[session] == recorded;
        exchange(row[session]);
        if (blocker) exchange(row[*blocker]);
        if (!asks) continue;
        set(row, "encrypt_option", Cell{client_.encrypted && state_.options.profile.says_encrypted ? "TRUE" : "FALSE"});
        set(row, "auth_scheme", Cell{client_.auth_scheme});
        set(row, "client_net_address", Cell{client_.client_address});
        set(row, "local_tcp_port", Cell{std::int64_t{client_.local_port}});
        set(row, "login_name", Cell{client_.login});
        set(row, "program_name", Cell{client_.app_name});
        set(row, "host_name", Cell{client_.host_name});
    }
}

std::string Glance::server_name() const {
    dependence_->server = true;
    std::string name = state_.options.server_name;
    if (name.empty())
        name = to_text(state_.data().identity.poll1.front()[state_.data().identity.column("server_name").value()]);
    return name;
}

std::optional<Property> Glance::property(std::string_view name) const {
    const auto is = [&](std::string_view known) { return same_text(known, name); };
    const ServerProfile& profile = state_.options.profile;
    const FixtureData& data = state_.data();
    if (is("MachineName") || is("ComputerNamePhysicalNetBIOS")) return Property{Cell{server_name()}, name_type};
    if (is("ServerName"))
        return Property{
            Cell{profile.instance.empty() ? server_name() : fmt::format("{}\\{}", server_name(), profile.instance)},
            name_type};
    if (is("InstanceName")) return Property{profile.instance.empty() ? Cell{} : Cell{profile.instance}, name_type};
    if (is("ProductVersion")) return Property{Cell{product_version(profile)}, name_type};
    if (is("ProductMajorVersion")) {
        const std::string version = product_version(profile);
        return Property{Cell{version.substr(0, version.find('.'))}, name_type};
    }
    if (is("Edition")) return Property{Cell{edition_name(profile)}, name_type};
    if (is("EngineEdition")) return Property{Cell{std::int64_t{profile.edition}}, int_type};
    if (is("IsHadrEnabled"))
        return Property{Cell{std::int64_t{profile.hadr && !profile.is_azure_database() ? 1 : 0}}, int_type};
    if (is("Collation") && !profile.collation.empty()) return Property{Cell{profile.collation}, name_type};
    if (is("IsIntegratedSecurityOnly") || is("IsSingleUser")) return Property{Cell{std::int64_t{0}}, int_type};
    if (is("ProcessID")) return Property{Cell{std::int64_t{2412}}, int_type};
    const auto* found = std::find_if(property_columns.begin(), property_columns.end(),
                                     [&](const PropertyColumn& known) { return is(known.property); });
    if (found == property_columns.end()) return std::nullopt;
    const std::size_t column = data.identity.column(found->column).value();
    return Property{data.identity.poll1.front()[column], data.identity.columns[column].type};
}

std::optional<Property> Glance::database_property(std::string_view database, std::string_view name) const {
    struct Known {
        std::string_view property;
        std::string_view column;
    };
    static constexpr std::array<Known, 3> known{
        {{"Status", "state_desc"}, {"Collation", "collation_name"}, {"Recovery", "recovery_model_desc"}}};
    if (same_text(name, "Updateability")) return Property{Cell{"READ_WRITE"}, name_type};
    const auto* found =
        std::find_if(known.begin(), known.end(), [&](const Known& entry) { return same_text(entry.property, name); });
    if (found == known.end()) return std::nullopt;
    const RecordedTable& table = *state_.data().table("fixture.databases");
    for (const Row& row : content_of(state_, table)) {
        if (compare_texts(to_text(row[table.column("name").value()]), database, collation()) == 0)
            return Property{row[table.column(found->column).value()], name_type};
    }
    return Property{Cell{}, name_type};
}

std::optional<bool> Glance::may(std::string_view permission, std::string_view object) const {
    const ServerProfile& profile = state_.options.profile;
    const auto is = [&](std::string_view known) { return same_text(known, permission); };
    const bool fine = profile.features() >= first_with_performance_state;
    if (is("VIEW SERVER STATE")) return !profile.is_azure_database() && may_view_state();
    if (is("VIEW SERVER PERFORMANCE STATE") || is("VIEW SERVER SECURITY STATE"))
        return fine ? std::optional(!profile.is_azure_database() && may_view_state()) : std::nullopt;
    if (is("VIEW DATABASE STATE")) return may_view_state();
    if (is("VIEW DATABASE PERFORMANCE STATE")) return fine ? std::optional(may_view_state()) : std::nullopt;
    if (is("VIEW ANY DEFINITION")) return all_rights_ || profile.view_definition;
    if (is("VIEW ANY PERFORMANCE DEFINITION"))
        return fine ? std::optional(all_rights_ || profile.view_definition) : std::nullopt;
    if (is("CONNECT ANY DATABASE"))
        return profile.features() >= first_with_connect_any ? std::optional(all_rights_ || profile.all_databases)
                                                            : std::nullopt;
    if (is("VIEW ANY DATABASE")) return true;
    if (is("CONTROL SERVER") || is("ALTER SERVER STATE") || is("ADMINISTER BULK OPERATIONS")) return all_rights_;
    if (is("CONNECT")) return !database_refusal(object).has_value();
    if (is("SELECT")) {
        const Relation* known = relation(split(object), false);
        if (known == nullptr) return std::nullopt;
        return all_rights_ || known->need != Need::msdb || profile.msdb;
    }
    if (is("EXECUTE")) {
        dependence_->never = true;
        const auto* stored = state_.procedures.find(split(object), collation());
        if (stored == nullptr) return std::nullopt;
        return all_rights_ || state_.procedures.may_execute(*stored);
    }
    return std::nullopt;
}

bool Glance::is_member(std::string_view) const {
    return all_rights_;
}

std::shared_ptr<Program> Glance::program(std::string_view sql) const {
    return state_.memory->programs().program(sql);
}

std::optional<int> Glance::object_id(std::string_view name, std::string_view) const {
    dependence_->never = true;
    const auto* stored = state_.procedures.find(split(name), collation());
    if (stored != nullptr) return stored->id;
    // A view's number only has to be there.
    constexpr int views = -100;
    return relation(split(name), false) != nullptr ? std::optional(views) : std::nullopt;
}

std::optional<int> Glance::schema_id(std::string_view name) const {
    dependence_->never = true;
    return state_.procedures.schema_id(name, collation());
}

std::optional<int> Glance::principal_id(std::string_view object_class, std::string_view name) const {
    dependence_->never = true;
    return state_.procedures.principal_id(object_class, name, client_.database, collation());
}

const Procedure* Glance::procedure(const ObjectName& name) const {
    const auto* stored = state_.procedures.find(name, collation());
    if (stored == nullptr) return nullptr;
    if (!all_rights_ && !state_.procedures.may_execute(*stored))
        throw SqlError(ServerMessage{
            229, 14, 5,
            fmt::format("The EXECUTE permission was denied on the object '{}', database '{}', schema '{}'.",
                        stored->name, client_.database, stored->schema)});
    return &stored->procedure;
}

std::unique_ptr<ServerView> Glance::elevated() const {
    auto view = std::make_unique<Glance>(state_, client_);
    view->all_rights_ = true;
    view->dependence_ = dependence_;
    view->delay_ = delay_;
    return view;
}

void Glance::require_prepare() const {
    if (all_rights_ || state_.options.profile.prepare) return;
    throw SqlError(ServerMessage{229, 14, 5,
                                 "The EXECUTE permission was denied on the object 'sp_prepare', database "
                                 "'mssqlsystemresource', schema 'sys'."});
}

std::optional<Reply> Glance::system_procedure(std::string_view name, const std::vector<Cell>& arguments) const {
    return call_sample_procedure(name, arguments, *state_.options.fixture);
}

void Glance::require_administrator(int error, const std::string& text) const {
    if (!administrates()) deny(error, text);
}

void Glance::create(const CreateProcedure& command) const {
    require_administrator(262, fmt::format("CREATE PROCEDURE permission denied in database '{}'.", client_.database));
    state_.procedures.create(command, collation());
}

void Glance::create(const CreateSchema& command) const {
    require_administrator(262, fmt::format("CREATE SCHEMA permission denied in database '{}'.", client_.database));
    state_.procedures.create(command, collation());
}

void Glance::drop(const DropProcedure& command) const {
    require_administrator(3701, "Cannot drop the procedure, because it does not exist or you do not have permission.");
    state_.procedures.drop(command, collation());
}

void Glance::administrate(const Administration& command) const {
    require_administrator(15247, "User does not have permission to perform this action.");
    state_.procedures.administrate(command, client_.database, collation());
}

void Glance::clear(const ClearStatistics& command) const {
    require_administrator(297, "The user does not have permission to perform this action.");
    if (same_text(command.view, "sys.dm_os_wait_stats")) state_.waits_cleared = state_.moment.work;
}

std::string Glance::result_key(const PlanMemory& memory) const {
    // Asked for every statement of every poll.
    std::string key = state_.moment_key;
    key += '|';
    key += state_.content;
    key += all_rights_ ? "|all" : "|own";
    if (memory.of_server) key += '|' + state_.options.server_name;
    if (!memory.of_session) return key;
    if (session_key_.empty())
        session_key_ =
            fmt::format("|{}|{}|{}|{}|{}|{}|{}|{}", client_.spid, client_.login, client_.database, client_.app_name,
                        client_.host_name, client_.encrypted, client_.auth_scheme, client_.client_address);
    return key + session_key_;
}

SharedResultPtr Glance::recall(const QueryPlan& plan) const {
    *dependence_ = {};
    if (state_.moment_key.empty() || plan.memory.never || !state_.disturbances.empty()) return nullptr;
    const auto found = plan.memory.results.find(result_key(plan.memory));
    if (found == plan.memory.results.end()) return nullptr;
    ++state_.reuse.recalled;
    return found->second;
}

SharedResultPtr Glance::remember(const QueryPlan& plan, ResultSet& result) const {
    ++state_.reuse.made;
    if (state_.moment_key.empty() || !state_.disturbances.empty()) return nullptr;
    PlanMemory& memory = plan.memory;
    const bool wider = (dependence_->session && !memory.of_session) || (dependence_->server && !memory.of_server);
    memory.of_session = memory.of_session || dependence_->session;
    memory.of_server = memory.of_server || dependence_->server;
    memory.never = memory.never || dependence_->never;
    if (memory.never) return nullptr;
    constexpr std::size_t most_results = 64;
    if (wider || memory.results.size() >= most_results) memory.results.clear();
    auto shared = std::make_shared<SharedResult>(SharedResult{std::move(result), {}});
    memory.results.emplace(result_key(memory), shared);
    return shared;
}

}  // namespace tds_server
