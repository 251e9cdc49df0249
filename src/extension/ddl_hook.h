// Hooks into DDL: makes room for statements that need a database without connections, and tells the launcher and the
// collectors what became of databases and of the extension.
#pragma once

namespace vitals::ext {

// Only to be called while shared_preload_libraries is being loaded.
void install_ddl_hook();

}  // namespace vitals::ext
