// The process of a collector: the background worker of one database, from its registration to its end. What it does
// once it is up is run_collection() in collection_loop.h.
#pragma once

#include "extension/database_slots.h"
#include "pg/compat.h"

namespace vitals::ext {

// Registers one start of a collector with the postmaster. Returns false if the server has no free worker slot. The
// handle is allocated in the launcher's long-lived memory.
bool register_collector(const CollectorStart& start, const char* database_name, BackgroundWorkerHandle** handle);

// Whether run_collection() has to return at its next turn, because the extension was dropped, created or updated.
// Cheap.
bool collection_must_return();

// Whether the process has to end at once, and not only soon. For signal handlers.
bool collector_must_make_room();

// Whether the extension was dropped, created or updated since the last look, so that an error of the collection is
// explained by that. Throws pg::ServerError.
bool extension_has_changed();

}  // namespace vitals::ext

// Main function of the process; found by its name in the module.
extern "C" PGDLLEXPORT void vitals_collector_main(Datum slot);
