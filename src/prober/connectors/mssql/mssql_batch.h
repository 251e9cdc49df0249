// The T-SQL that is sent. Everything is plain SELECT on catalog views: no temporary table, no XML on the server, no
// setting of the server changed; filters are on the server, arithmetic is ours. Where a site allows nothing else, the
// same statements are procedures of the schema vitals (docs/mssql/install_procedures.sql).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "prober/groups/group_plan.h"

namespace vitals::prober {

// Sent once after each login: session settings of a polite client, and what the server says of this connection.
std::string session_batch();

// First column of the result set of session_batch().
constexpr std::string_view session_set_name = "session";

// The names of what the connector reads for itself; that of a set is also its first column.
constexpr std::string_view server_set_name = "server";
constexpr std::string_view process_set_name = "sysinfo";
constexpr std::string_view cpu_history_set_name = "cpu_history";
// Of each of them; none has more than a few.
constexpr std::size_t own_row_limit = 16;

// Their statements. Throws std::out_of_range for another name.
std::string_view own_statement(std::string_view name);

// "EXEC vitals.collect_<name>": what runs instead of a statement of this name in the mode procedures.
std::string procedure_call(std::string_view name);

// The statement of a group: the variant's SQL with its sources put in; one that is not built in runs in a batch within
// the batch, and gives no more rows than it may.
std::string group_statement(const GroupPlan& plan, std::string_view sql);

// The statement in a batch within the batch: it can only break itself.
std::string guarded_statement(std::string_view sql);

// Stands before each statement of a batch, so that result sets and errors find their group.
std::string marker_statement(std::string_view name);
constexpr std::string_view marker_column = "vitals_group";

// Text as a literal of type nvarchar.
std::string quoted(std::string_view text);

}  // namespace vitals::prober
