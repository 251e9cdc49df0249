#include "prober/connectors/mssql/mssql_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace vitals::prober {

namespace {

using core::sources_placeholder;

// SERVERPROPERTY() gives sql_variant, which db-lib cannot convert. HAS_PERMS_BY_NAME() gives NULL for a permission that
// the version does not know.
constexpr std::string_view server_statement =
    "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS server, "
    "CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS edition, "
    "CAST(SERVERPROPERTY('EngineEdition') AS int) AS engine_edition, "
    "CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) AS server_name, "
    "HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') AS view_server_state, "
    "HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER PERFORMANCE STATE') AS view_server_performance_state, "
    "HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DATABASE STATE') AS view_database_state, "
    "HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DATABASE PERFORMANCE STATE') AS view_database_performance_state, "
    "HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DEFINITION') AS view_any_definition, "
    "HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY PERFORMANCE DEFINITION') AS view_any_performance_definition, "
    "SYSUTCDATETIME() AS utc_now";

constexpr std::string_view process_statement =
    "SELECT ms_ticks AS sysinfo, cpu_count, sqlserver_start_time_ms_ticks, sqlserver_start_time, "
    "process_kernel_time_ms, process_user_time_ms FROM sys.dm_os_sys_info";

constexpr std::string_view cpu_history_statement =
    "SELECT TOP (4) [timestamp] AS cpu_history, record FROM sys.dm_os_ring_buffers "
    "WHERE ring_buffer_type = N'RING_BUFFER_SCHEDULER_MONITOR' ORDER BY [timestamp] DESC";

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> own_statements{{
    {server_set_name, server_statement},
    {process_set_name, process_statement},
    {cpu_history_set_name, cpu_history_statement},
}};

std::string literals_of(const GroupPlan& plan) {
    std::string list;
    for (const std::string& name : plan.source_names()) {
        if (!list.empty()) list += ", ";
        list += quoted(name);
    }
    return list;
}

std::string with_sources(const GroupPlan& plan, std::string_view sql) {
    std::string text(sql);
    std::string literals;
    for (std::size_t at = text.find(sources_placeholder); at != std::string::npos;
         at = text.find(sources_placeholder, at + literals.size())) {
        if (literals.empty()) literals = literals_of(plan);
        text.replace(at, sources_placeholder.size(), literals);
    }
    return text;
}

}  // namespace

std::string session_batch() {
    // The ANSI settings are what every view expects and db-lib does not switch on. Reading must neither wait for locks
    // nor win against the server's own work.
    std::string sql =
        "SET NOCOUNT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET QUOTED_IDENTIFIER ON; "
        "SET CONCAT_NULL_YIELDS_NULL ON; SET ARITHABORT ON; SET TEXTSIZE 65536; SET LOCK_TIMEOUT 1000; "
        "SET DEADLOCK_PRIORITY -10; SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED;\n";
    sql += "SELECT encrypt_option AS ";
    sql += session_set_name;
    sql += " FROM sys.dm_exec_connections WHERE session_id = @@SPID";
    return sql;
}

std::string_view own_statement(std::string_view name) {
    const auto* found = std::find_if(own_statements.begin(), own_statements.end(),
                                     [&](const auto& entry) { return entry.first == name; });
    if (found == own_statements.end()) throw std::out_of_range("no statement of this name");
    return found->second;
}

std::string procedure_call(std::string_view name) {
    return fmt::format("EXEC vitals.collect_{}", name);
}

std::string group_statement(const GroupPlan& plan, std::string_view sql) {
    const core::MetricGroup& group = plan.group();
    std::string text = with_sources(plan, sql);
    if (group.builtin) return text;
    // What is set within lasts as long as it runs. One row more tells that there are more.
    return guarded_statement(fmt::format("SET ROWCOUNT {};\n{}", group.row_limit + 1, text));
}

std::string guarded_statement(std::string_view sql) {
    return fmt::format("EXEC sys.sp_executesql {}", quoted(sql));
}

std::string marker_statement(std::string_view name) {
    return fmt::format("SELECT {} AS {}", quoted(name), marker_column);
}

std::string quoted(std::string_view text) {
    std::string literal = "N'";
    for (const char c : text) {
        literal += c;
        if (c == '\'') literal += c;
    }
    return literal + '\'';
}

}  // namespace vitals::prober
