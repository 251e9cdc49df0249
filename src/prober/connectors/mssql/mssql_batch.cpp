#include "prober/connectors/mssql/mssql_batch.h"

namespace vitals::prober {

namespace {

std::string_view statement_of(MssqlGroup group) {
    switch (group) {
        case MssqlGroup::server:
            // SERVERPROPERTY() gives sql_variant, which db-lib cannot convert. HAS_PERMS_BY_NAME() gives NULL for a
            // permission that the version does not know.
            return "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS server, "
                   "CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS edition, "
                   "CAST(SERVERPROPERTY('EngineEdition') AS int) AS engine_edition, "
                   "CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) AS server_name, "
                   "HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') AS view_server_state, "
                   "HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER PERFORMANCE STATE') AS view_server_performance_state, "
                   "SYSUTCDATETIME() AS utc_now";
        case MssqlGroup::sysinfo:
            return "SELECT ms_ticks AS sysinfo, cpu_count, sqlserver_start_time_ms_ticks, sqlserver_start_time, "
                   "process_kernel_time_ms, process_user_time_ms FROM sys.dm_os_sys_info";
        case MssqlGroup::memory:
            return "SELECT total_physical_memory_kb AS memory, available_physical_memory_kb FROM sys.dm_os_sys_memory";
        case MssqlGroup::counters:
            // The columns are nchar(128), blank padded: untrimmed a row is 789 bytes. The collation of the server may
            // be case sensitive or Turkish, and letter case of counters differs between versions.
            return "SELECT RTRIM(object_name) AS counters, RTRIM(counter_name) AS counter_name, cntr_value "
                   "FROM sys.dm_os_performance_counters WHERE counter_name COLLATE Latin1_General_CI_AS IN "
                   "(N'User Connections', N'Processes blocked', N'Batch Requests/sec', N'Page life expectancy')";
        case MssqlGroup::waits:
            return "SELECT wait_type AS waits, wait_time_ms FROM sys.dm_os_wait_stats WHERE wait_time_ms > 0";
        case MssqlGroup::files:
            // Ids of dropped databases are used again: name and creation make the key. The resource database has no row
            // in sys.databases.
            return "SELECT f.database_id AS files, f.file_id, f.num_of_reads, f.num_of_writes, d.name, d.create_date "
                   "FROM sys.dm_io_virtual_file_stats(NULL, NULL) AS f "
                   "LEFT JOIN sys.databases AS d ON d.database_id = f.database_id";
        case MssqlGroup::cpu_history:
            break;
    }
    return "SELECT TOP (4) [timestamp] AS cpu_history, record FROM sys.dm_os_ring_buffers "
           "WHERE ring_buffer_type = N'RING_BUFFER_SCHEDULER_MONITOR' ORDER BY [timestamp] DESC";
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

std::string poll_batch(const std::vector<MssqlGroup>& groups) {
    std::string sql;
    for (const MssqlGroup group : groups) {
        sql += statement_of(group);
        sql += ";\n";
    }
    return sql;
}

std::string_view group_name(MssqlGroup group) noexcept {
    switch (group) {
        case MssqlGroup::server:
            return "server";
        case MssqlGroup::sysinfo:
            return "sysinfo";
        case MssqlGroup::memory:
            return "memory";
        case MssqlGroup::counters:
            return "counters";
        case MssqlGroup::waits:
            return "waits";
        case MssqlGroup::files:
            return "files";
        case MssqlGroup::cpu_history:
            break;
    }
    return "cpu_history";
}

}  // namespace vitals::prober
