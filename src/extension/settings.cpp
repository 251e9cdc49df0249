// Definitions of the settings. Their variables belong to the server's GUC machinery, which writes them; everyone else
// reads them through the functions of the header.
#include "extension/settings.h"

#include <climits>
#include <exception>

#include "core/target_rules.h"
#include "pg/compat.h"

namespace vitals::ext {

namespace {

char* allowed_targets = nullptr;
char* ca_directory = nullptr;
char* krb5_config = nullptr;
char* keytab_directory = nullptr;
char* key_file = nullptr;
int concurrency = 0;
int collection_timeout_ms = 0;
int shutdown_grace_ms = 0;
int offline_after = 0;
int prober_memory_limit_mb = 0;
int max_databases = 0;
int max_probers = 0;
int reload_interval_ms = 0;
char* tenant = nullptr;
bool synchronous_commit = false;
bool notify = false;

struct IntegerSetting {
    const char* name;
    const char* description;
    int* variable;
    int default_value;
    int minimum;
    int maximum;
    GucContext context;
    int flags;
};

const IntegerSetting reloadable[] = {
    {"vitals.collection_timeout", "Hard deadline of one poll, from name lookup to the last row.",
     &collection_timeout_ms, 5000, 500, 60000, PGC_SIGHUP, GUC_UNIT_MS},
    {"vitals.concurrency", "Polls that are in flight at the same time in one database.", &concurrency, 10, 1, 1000,
     PGC_SIGHUP, 0},
    {"vitals.offline_after", "Failed polls in a row after which a server counts as offline.", &offline_after, 2, 1, 100,
     PGC_SIGHUP, 0},
    {"vitals.prober_memory_limit", "Memory that a prober may use before it is replaced.", &prober_memory_limit_mb, 512,
     64, 65536, PGC_SIGHUP, GUC_UNIT_MB},
    {"vitals.reload_interval", "How often a collector reads its configuration again without being told.",
     &reload_interval_ms, 5000, 100, 3600000, PGC_SIGHUP, GUC_UNIT_MS},
    {"vitals.shutdown_grace", "Time a prober gets to finish what is in flight.", &shutdown_grace_ms, 5000, 0, 60000,
     PGC_SIGHUP, GUC_UNIT_MS},
};

const IntegerSetting fixed_at_start[] = {
    {"vitals.max_databases", "Databases of the cluster that can have a collector.", &max_databases, 64, 1, 1024,
     PGC_POSTMASTER, 0},
    {"vitals.max_probers", "Probers of the cluster that are shown in vitals.probers.", &max_probers, 256, 1, 4096,
     PGC_POSTMASTER, 0},
};

// The message is copied before the server is called, which may not come back.
bool check_target_list(char** list, void** /* extra */, GucSource /* source */) {
    char problem[200] = "";
    describe_target_problem(*list, problem, sizeof(problem));
    if (problem[0] == '\0') return true;
    GUC_check_errdetail("%s.", problem);
    GUC_check_errhint("Networks and ports, for example 10.0.0.0/8, [fd00::/8]:1433, !10.1.2.3, or all, !loopback.");
    return false;
}

void define(const IntegerSetting& setting) {
    DefineCustomIntVariable(setting.name, setting.description, nullptr, setting.variable, setting.default_value,
                            setting.minimum, setting.maximum, setting.context, setting.flags, nullptr, nullptr,
                            nullptr);
}

}  // namespace

void define_settings(bool preloaded) {
    for (const IntegerSetting& setting : reloadable)
        define(setting);
    DefineCustomBoolVariable("vitals.synchronous_commit", "Whether a collector waits until its commits are on disk.",
                             "Off loses at most the last samples in a crash of the server.", &synchronous_commit, false,
                             PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("vitals.notify", "Whether each collection is announced on the channel vitals_<tenant>.",
                             "Where a tenant's settings.notify does not say so itself.", &notify, false, PGC_SUSET, 0,
                             nullptr, nullptr, nullptr);
    DefineCustomStringVariable("vitals.allowed_targets", "Networks and ports that probers may connect to.",
                               "What begins with ! is forbidden. A tenant may have a narrower list.", &allowed_targets,
                               core::default_target_rules, PGC_SIGHUP, 0, check_target_list, nullptr, nullptr);
    DefineCustomStringVariable("vitals.krb5_config", "Configuration of Kerberos for logins to servers.",
                               "Empty means the system's, /etc/krb5.conf.", &krb5_config, "", PGC_SIGHUP, 0, nullptr,
                               nullptr, nullptr);
    DefineCustomStringVariable("vitals.keytab_directory", "Directory of files <tenant>.keytab.",
                               "They prove the Kerberos logins that have no password.", &keytab_directory, "",
                               PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("vitals.ca_directory", "A further directory of CA files for connections to servers.",
                               "Probers can read CA files of the system and of this directory, and no other files.",
                               &ca_directory, "", PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("vitals.tenant", "The tenant that this session works with.",
                               "Chooses among the tenants whose role the user is a member of.", &tenant, "",
                               PGC_USERSET, 0, nullptr, nullptr, nullptr);
    if (preloaded) {
        for (const IntegerSetting& setting : fixed_at_start)
            define(setting);
        DefineCustomStringVariable("vitals.key_file", "File of the private key that opens stored secrets.",
                                   "Relative to the data directory. Made on first start.", &key_file, "pg_vitals.key",
                                   PGC_POSTMASTER, GUC_SUPERUSER_ONLY, nullptr, nullptr, nullptr);
    }
    pg::reserve_setting_prefix("vitals");
}

void describe_target_problem(const char* list, char* problem, std::size_t size) {
    try {
        core::TargetRules::parse(list);
    } catch (const std::exception& error) {
        snprintf(problem, size, "%s", error.what());
    }
}

const char* setting_allowed_targets() {
    return allowed_targets;
}
const char* setting_krb5_config() {
    return krb5_config;
}
const char* setting_keytab_directory() {
    return keytab_directory;
}
const char* setting_ca_directory() {
    return ca_directory;
}
const char* setting_key_file() {
    return key_file;
}
int setting_concurrency() {
    return concurrency;
}
std::chrono::milliseconds setting_collection_timeout() {
    return std::chrono::milliseconds(collection_timeout_ms);
}
std::chrono::milliseconds setting_shutdown_grace() {
    return std::chrono::milliseconds(shutdown_grace_ms);
}
int setting_offline_after() {
    return offline_after;
}
int setting_prober_memory_limit() {
    return prober_memory_limit_mb;
}
int setting_max_databases() {
    return max_databases;
}
int setting_max_probers() {
    return max_probers;
}
std::chrono::milliseconds setting_reload_interval() {
    return std::chrono::milliseconds(reload_interval_ms);
}
const char* setting_tenant() {
    return tenant;
}
bool setting_synchronous_commit() {
    return synchronous_commit;
}

}  // namespace vitals::ext
