// Which tenant the functions in SQL act on.
#pragma once

#include "pg/pg.h"

namespace vitals::ext {

// The row of vitals.tenants that vitals.tenant_of_caller returns, in the current memory context. Raises as that does.
Datum tenant_of_caller();

}  // namespace vitals::ext
