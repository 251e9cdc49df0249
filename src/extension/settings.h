// The settings (GUCs) of the extension, all named vitals.*. docs/operations.md describes them for people.
//
// POSTMASTER is what sizes shared memory or names files; the rest follows a reload.
#pragma once

#include <chrono>
#include <cstddef>

namespace vitals::ext {

// Writes why a list of targets cannot be used, in one line without a period; nothing if it can. Calls nothing of the
// server.
void describe_target_problem(const char* list, char* problem, std::size_t size);

// Defines the settings. Those that only make sense when the module is preloaded are left out when it is not, since the
// server does not accept them after its start.
void define_settings(bool preloaded);

// A directory beside the system's own from which a prober may read CA files (option ca_file); empty means none.
const char* setting_ca_directory();

// Where the probers of all tenants may connect to: a list as core::TargetRules reads it, checked.
const char* setting_allowed_targets();

// Configuration file of Kerberos for the probers; empty means the system's.
const char* setting_krb5_config();

// A directory with a file <tenant>.keytab for each tenant whose Kerberos logins have no password; empty means none.
const char* setting_keytab_directory();

// Path of the private key; relative means to the data directory.
const char* setting_key_file();

// Polls in flight at the same time in one database, 1..1000.
int setting_concurrency();

// Hard deadline of one poll, 500 ms..60 s.
std::chrono::milliseconds setting_collection_timeout();

// How long a prober may finish what is in flight when it is told to end, 0..60 s.
std::chrono::milliseconds setting_shutdown_grace();

// Failed polls in a row after which a server is offline, 1..100.
int setting_offline_after();

// Address space of a prober in megabytes, 64..65536.
int setting_prober_memory_limit();

// Databases of the cluster that can have a collector, 1..1024. Fixed at the server's start.
int setting_max_databases();

// Probers of the cluster that are reported in vitals.probers, 1..4096. Fixed at the server's start.
int setting_max_probers();

// How often a collector reads its tables again even though nobody told it to, 100 ms..1 h.
std::chrono::milliseconds setting_reload_interval();

// The session's choice of a tenant; empty means none. Never a permission.
const char* setting_tenant();

// Whether a collector waits for its commits to be on disk.
bool setting_synchronous_commit();

}  // namespace vitals::ext
