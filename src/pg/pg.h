// The one place that includes server headers. Include it after all C++ headers: postgres.h defines macros that break
// them. Only code in src/pg and src/extension may include this file.
#pragma once

#ifdef VITALS_NO_SERVER_HEADERS
#error "src/core and src/prober must not depend on the server"
#endif

// The module is compiled with hidden symbols. Up to version 15 the server's own macro does not undo that, and neither
// _PG_init nor an SQL-callable function would be found.
#ifndef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif

extern "C" {
#include "postgres.h"
// postgres.h first, by its own rule.
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}
