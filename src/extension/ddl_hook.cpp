// DROP DATABASE, ALTER DATABASE … RENAME or SET TABLESPACE and CREATE DATABASE … TEMPLATE fail after five seconds while
// somebody is connected to the database. A collector is not somebody that a user should have to know about: it is told
// to end before the statement, and is held back until the transaction is over. If that fails, the collector returns.
//
// What is done for a statement is undone when the transaction ends, whichever way: also FATAL aborts the transaction.
#include "extension/ddl_hook.h"

#include "extension/database_slots.h"
#include "extension/shared_memory.h"
#include "pg/compat.h"

extern "C" {
#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "tcop/utility.h"
#include "utils/syscache.h"
}

namespace vitals::ext {

namespace {

ProcessUtility_hook_type previous_process_utility = nullptr;
object_access_hook_type previous_object_access = nullptr;

// What the transaction in progress has to say, or to give back, when it ends.
struct AtTransactionEnd {
    List* holds;                // slots, in TopTransactionContext
    bool databases_changed;     // the list of databases is to be read again
    bool extension_may_differ;  // our extension was changed, or some extension that may be ours
    bool has_extension;         // what the catalog says just before the commit
};

AtTransactionEnd at_end{};

// A template or a database that nobody may connect to has no collector: CREATE DATABASE usually copies such a one.
bool can_have_collector(Oid database) {
    HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
    if (!HeapTupleIsValid(tuple)) return false;
    const auto* form = reinterpret_cast<const FormData_pg_database*>(GETSTRUCT(tuple));
    const bool possible = form->datallowconn && !form->datistemplate;
    ReleaseSysCache(tuple);
    return possible;
}

// Only for who owns the database: others get the statement refused, and must not be able to stop a collector that way.
void clear_database(const char* name) {
    const Oid database = get_database_oid(name, true);
    if (!OidIsValid(database) || database == MyDatabaseId || !can_have_collector(database)) return;
    if (!pg::owns_database(database, GetUserId())) return;

    MemoryContext caller_context = MemoryContextSwitchTo(TopTransactionContext);
    // Room for the number first: what follows must not fail between taking the hold and noting it.
    at_end.holds = lappend_int(at_end.holds, -1);
    MemoryContextSwitchTo(caller_context);
    const int slot = hold_database(database);
    llast_int(at_end.holds) = slot;
    if (slot >= 0) end_held_collector(slot);
}

const DefElem* find_option(const List* options, const char* name) {
    const ListCell* cell = nullptr;
    foreach (cell, options) {
        const auto* option = static_cast<const DefElem*>(lfirst(cell));
        if (strcmp(option->defname, name) == 0) return option;
    }
    return nullptr;
}

void before_create_database(const CreatedbStmt& statement) {
    at_end.databases_changed = true;
    const DefElem* option = find_option(statement.options, "template");
    if (option != nullptr && option->arg != nullptr) clear_database(defGetString(const_cast<DefElem*>(option)));
}

void before_alter_database(const AlterDatabaseStmt& statement) {
    at_end.databases_changed = true;
    if (find_option(statement.options, "tablespace") != nullptr) clear_database(statement.dbname);
}

void before_rename(const RenameStmt& statement) {
    if (statement.renameType != OBJECT_DATABASE) return;
    at_end.databases_changed = true;
    clear_database(statement.subname);
}

void before_statement(Node* statement) {
    switch (nodeTag(statement)) {
        case T_CreatedbStmt:
            before_create_database(*castNode(CreatedbStmt, statement));
            break;
        case T_AlterDatabaseStmt:
            before_alter_database(*castNode(AlterDatabaseStmt, statement));
            break;
        case T_RenameStmt:
            before_rename(*castNode(RenameStmt, statement));
            break;
        case T_DropdbStmt:
            at_end.databases_changed = true;
            clear_database(castNode(DropdbStmt, statement)->dbname);
            break;
        case T_TransactionStmt:
            // What the prepared transaction did was seen by a session that may be long gone.
            if (castNode(TransactionStmt, statement)->kind == TRANS_STMT_COMMIT_PREPARED)
                at_end.extension_may_differ = true;
            break;
        default:
            break;
    }
}

void on_process_utility(PlannedStmt* planned, const char* query, bool read_only_tree, ProcessUtilityContext context,
                        ParamListInfo parameters, QueryEnvironment* environment, DestReceiver* receiver,
                        QueryCompletion* completion) {
    // On a standby there is no collector, and every one of these statements fails.
    if (!RecoveryInProgress() && IsTransactionState()) before_statement(planned->utilityStmt);
    const ProcessUtility_hook_type next =
        previous_process_utility != nullptr ? previous_process_utility : standard_ProcessUtility;
    next(planned, query, read_only_tree, context, parameters, environment, receiver, completion);
}

bool is_own_extension(Oid extension) {
    const char* name = get_extension_name(extension);
    return name != nullptr && strcmp(name, "pg_vitals") == 0;
}

// Sees an extension come and go however it happens: by its own statement, CASCADE, DROP OWNED, DROP SCHEMA.
void on_object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void* argument) {
    if (previous_object_access != nullptr) previous_object_access(access, class_id, object_id, sub_id, argument);
    if (class_id != ExtensionRelationId) return;
    // What was just created is not visible yet, so that its name cannot be looked up.
    if (access == OAT_POST_CREATE || is_own_extension(object_id)) at_end.extension_may_differ = true;
}

void release_holds() {
    const ListCell* cell = nullptr;
    foreach (cell, at_end.holds) {
        if (lfirst_int(cell) >= 0) release_database(lfirst_int(cell));
    }
}

void on_transaction_event(XactEvent event, void*) {
    switch (event) {
        case XACT_EVENT_PRE_COMMIT:
            // The last moment at which the catalog can be read. It holds what subtransactions left of their work, so
            // nothing needs to be known about them.
            if (at_end.extension_may_differ) at_end.has_extension = OidIsValid(get_extension_oid("pg_vitals", true));
            break;
        case XACT_EVENT_COMMIT:
            if (at_end.databases_changed) request_rescan();
            if (at_end.extension_may_differ) tell_collector(MyDatabaseId, at_end.has_extension);
            [[fallthrough]];
        case XACT_EVENT_ABORT:
        case XACT_EVENT_PREPARE:
            release_holds();
            at_end = AtTransactionEnd{};
            break;
        default:
            break;
    }
}

}  // namespace

void install_ddl_hook() {
    previous_process_utility = ProcessUtility_hook;
    ProcessUtility_hook = on_process_utility;
    previous_object_access = object_access_hook;
    object_access_hook = on_object_access;
    RegisterXactCallback(on_transaction_event, nullptr);
}

}  // namespace vitals::ext
