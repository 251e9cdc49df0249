// What kind of SQL Server a simulated one is, and what its login may do there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tds_server {

// SERVERPROPERTY('EngineEdition')
enum EngineEdition : int {
    edition_standard = 2,
    edition_enterprise = 3,
    edition_express = 4,
    edition_azure_database = 5,
    edition_managed_instance = 8
};

struct ServerProfile {
    // What views and columns there are, and what names and texts are equal.
    int version = 16;  // 11: SQL Server 2012 ... 17: 2025; Azure has everything and says 12
    int edition = edition_enterprise;
    bool linux_host = false;
    std::string collation;     // empty: the fixture's
    bool wrong_types = false;  // counters as decimals, times of files as ints, names as varchar
    // What is in the views.
    std::string instance;               // empty: the default instance
    bool counters = true;               // performance counters were loaded
    bool hostile_names = false;         // databases, jobs, files and disks with names that break careless code
    bool ring_buffer_over_100 = false;  // SQL Server's own processors counted twice
    bool hadr = true;                   // availability groups
    bool process_times = true;          // the processor time in sys.dm_os_sys_info is known
    // What the login may do.
    bool view_state = true;       // VIEW SERVER STATE, or from 2022 on VIEW SERVER PERFORMANCE STATE
    bool view_definition = true;  // VIEW ANY DEFINITION
    bool msdb = true;             // SELECT in msdb
    bool all_databases = true;    // CONNECT ANY DATABASE
    bool prepare = true;          // EXECUTE on sp_prepare
    bool says_encrypted = true;   // of a session that is; false: as behind a proxy that ends TLS
    bool administrator = false;

    bool is_azure_database() const noexcept { return edition == edition_azure_database; }
    bool is_managed_instance() const noexcept { return edition == edition_managed_instance; }
    bool is_azure() const noexcept { return is_azure_database() || is_managed_instance(); }
    // By which views and columns are there.
    int features() const noexcept { return is_azure() ? 16 : version; }

    // Equal for profiles whose servers have the same views, columns and comparisons.
    std::string shape() const;
    // Equal for profiles whose servers answer alike.
    std::string content() const;

    bool operator==(const ServerProfile&) const = default;
};

// "2019", "15" or "15.0"; nothing for what is no version from 2012 to 2025.
std::optional<int> version_from_text(std::string_view text);

// SERVERPROPERTY('ProductVersion'); empty: the fixture's.
std::string product_version(const ServerProfile& profile);
std::string edition_name(const ServerProfile& profile);

}  // namespace tds_server
