// The launcher: one static background worker without a database, which keeps one collector running in every database
// that has the extension.
#pragma once

#include "pg/compat.h"

namespace vitals::ext {

// Registers the launcher with the postmaster. Only to be called while shared_preload_libraries is being loaded.
void register_launcher();

}  // namespace vitals::ext

// Main function of the process; found by its name in the module.
extern "C" PGDLLEXPORT void vitals_launcher_main(Datum unused);
