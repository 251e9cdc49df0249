// Whether this database waits for vitals.enable(): a restored one and a copy do not poll the servers of the original.
// What tells them apart is in sql/85_installation.sql.
#pragma once

#include <string>

namespace vitals::ext {

// The collector's side: why nothing may be collected; empty if it may. Throws pg::ServerError.
std::string pause_reason();

// The session's side: raises PT503 while nothing may be collected.
void require_enabled();

}  // namespace vitals::ext
