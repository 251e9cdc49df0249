// Entry of the module into the server.
#include "extension/ddl_hook.h"
#include "extension/launcher.h"
#include "extension/settings.h"
#include "extension/shared_memory.h"
#include "pg/compat.h"

extern "C" {
PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void _PG_init(void) {
    using namespace vitals::ext;
    // pg_upgrade loads every library and must see neither workers nor DDL of ours.
    if (IsBinaryUpgrade) return;

    // Not an error: CREATE EXTENSION, and with it the restore of a dump, works where the library is not preloaded.
    define_settings(process_shared_preload_libraries_in_progress);
    if (!process_shared_preload_libraries_in_progress) return;
    request_shared_memory();
    register_launcher();
    install_ddl_hook();
}
}
