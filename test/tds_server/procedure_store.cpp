#include "tds_server/procedure_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "tds_server/collation.h"
#include "tds_server/sql_error.h"
#include "tds_server/tsql_lexer.h"

namespace tds_server {

namespace {

std::string schema_of(const ObjectName& name) {
    return name.parts.size() > 1 ? name.parts[name.parts.size() - 2] : "dbo";
}

[[noreturn]] void refuse_missing(const ObjectName& name) {
    throw SqlError(15151, 16,
                   fmt::format("Cannot find the object '{}', because it does not exist or you do not have permission.",
                               name.parts.back()));
}

}  // namespace

ProcedureStore::Stored* ProcedureStore::find_stored(const ObjectName& name, const Collation& collation) {
    const auto found = std::find_if(procedures_.begin(), procedures_.end(), [&](const Stored& stored) {
        return same_name(stored.schema, schema_of(name), collation) &&
               same_name(stored.name, name.parts.back(), collation);
    });
    return found != procedures_.end() ? &*found : nullptr;
}

const ProcedureStore::Stored* ProcedureStore::find(const ObjectName& name, const Collation& collation) const {
    const auto found = std::find_if(procedures_.begin(), procedures_.end(), [&](const Stored& stored) {
        return same_name(stored.schema, schema_of(name), collation) &&
               same_name(stored.name, name.parts.back(), collation);
    });
    return found != procedures_.end() ? &*found : nullptr;
}

std::optional<int> ProcedureStore::schema_id(std::string_view name, const Collation& collation) const {
    const auto found = std::find_if(schemas_.begin(), schemas_.end(),
                                    [&](const std::string& schema) { return same_name(schema, name, collation); });
    if (found == schemas_.end()) return std::nullopt;
    return static_cast<int>(found - schemas_.begin()) + 1;
}

void ProcedureStore::create(const CreateSchema& command, const Collation& collation) {
    if (schema_id(command.name, collation))
        throw SqlError(2714, 16, fmt::format("There is already an object named '{}' in the database.", command.name));
    schemas_.push_back(command.name);
}

void ProcedureStore::create(const CreateProcedure& command, const Collation& collation) {
    Stored* known = find_stored(command.name, collation);
    if (!schema_id(schema_of(command.name), collation))
        throw SqlError(
            2760, 16,
            fmt::format("The specified schema name \"{}\" either does not exist or you do not have permission to "
                        "use it.",
                        schema_of(command.name)));
    if (known != nullptr && command.mode == CreateProcedure::Mode::create)
        throw SqlError(
            2714, 16, fmt::format("There is already an object named '{}' in the database.", command.name.parts.back()));
    if (known == nullptr && command.mode == CreateProcedure::Mode::alter)
        throw SqlError(208, 16, fmt::format("Invalid object name '{}'.", command.name.text()));
    if (known == nullptr) {
        procedures_.push_back({++last_id_, schema_of(command.name), command.name.parts.back(), {}, false});
        known = &procedures_.back();
    }
    // A change takes the signature away, not the rights.
    known->procedure.name = known->name;
    known->procedure.body = command.body;
    known->procedure.elevated = command.as_owner;
    known->procedure.parameters.items.clear();
    for (const Declare::Item& item : command.parameters.items) {
        Declare::Item copy{item.name, item.type, nullptr};
        // A default is a constant.
        if (item.value) {
            const auto* literal = std::get_if<Literal>(&item.value->node);
            if (literal == nullptr) throw SqlError(102, 15, "Incorrect syntax near the default of a parameter.");
            copy.value = std::make_unique<Expression>(Expression{*literal});
        }
        known->procedure.parameters.items.push_back(std::move(copy));
    }
}

void ProcedureStore::drop(const DropProcedure& command, const Collation& collation) {
    const Stored* known = find_stored(command.name, collation);
    if (known == nullptr) {
        if (command.if_exists) return;
        throw SqlError(3701, 11,
                       fmt::format("Cannot drop the procedure '{}', because it does not exist or you do not have "
                                   "permission.",
                                   command.name.text()));
    }
    const int id = known->id;
    std::erase_if(procedures_, [id](const Stored& stored) { return stored.id == id; });
}

std::optional<int> ProcedureStore::principal_id(std::string_view object_class, std::string_view name,
                                                std::string_view database, const Collation& collation) const {
    const auto found = std::find_if(principals_.begin(), principals_.end(), [&](const Principal& known) {
        return same_text(known.object_class, object_class) && same_name(known.name, name, collation) &&
               same_text(known.database, same_text(object_class, "LOGIN") ? "" : database);
    });
    return found != principals_.end() ? std::optional(found->id) : std::nullopt;
}

std::vector<std::string> ProcedureStore::principals(std::string_view object_class, std::string_view database) const {
    std::vector<std::string> names;
    for (const Principal& known : principals_) {
        if (same_text(known.object_class, object_class) && same_text(known.database, database))
            names.push_back(known.name);
    }
    return names;
}

void ProcedureStore::change_principal(const Administration& command, std::string_view database,
                                      const Collation& collation) {
    const std::string& name = command.object.parts.front();
    const auto id = principal_id(command.object_class, name, database, collation);
    if (command.kind == Administration::Kind::create) {
        if (id)
            throw SqlError(15023, 16,
                           fmt::format("User, group, or role '{}' already exists in the current database.", name));
        const bool of_server = same_text(command.object_class, "LOGIN");
        principals_.push_back({command.object_class, name, std::string(of_server ? "" : database), ++last_id_});
        return;
    }
    if (!id) refuse_missing(command.object);
    std::erase_if(principals_, [&](const Principal& known) { return known.id == *id; });
}

void ProcedureStore::administrate(const Administration& command, std::string_view database,
                                  const Collation& collation) {
    if (command.kind == Administration::Kind::other) return;
    if (!command.object_class.empty()) return change_principal(command, database, collation);
    const bool grants = command.kind == Administration::Kind::grant_execute;
    if (Stored* stored = find_stored(command.object, collation)) {
        if (command.kind == Administration::Kind::sign) {
            stored->procedure.elevated = true;
        } else {
            stored->granted = grants;
        }
        return;
    }
    if (command.kind == Administration::Kind::sign || command.object.parts.size() != 1 ||
        !schema_id(command.object.parts.front(), collation))
        refuse_missing(command.object);
    if (grants) {
        granted_schemas_.insert(command.object.parts.front());
    } else {
        granted_schemas_.erase(command.object.parts.front());
    }
}

bool ProcedureStore::may_execute(const Stored& stored) const {
    return stored.granted || granted_schemas_.contains(stored.schema);
}

}  // namespace tds_server
