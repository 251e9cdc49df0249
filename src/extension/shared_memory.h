// The shared memory of the extension: a table of named areas, each with its own lock. An area may hold values only,
// never a pointer, descriptor or handle of one process: those mean nothing, or something else, in another.
#pragma once

#include "pg/compat.h"

namespace vitals::ext {

// Index into the table of areas in shared_memory.cpp; also says which lock belongs to what.
enum class SharedArea {
    database_slots,
    collector_report,
    requests,
    secret_keys,
};

// Hooks into the server's start. Only to be called while shared_preload_libraries is being loaded.
void request_shared_memory();

// Whether the areas exist, that is, whether the module was loaded by shared_preload_libraries.
bool shared_memory_available();

// Raises an ERROR (SQLSTATE PT503, which PostgREST answers with 503) with the line to add to postgresql.conf unless the
// areas exist. To be called first by every function that reads the areas.
void require_shared_memory();

// As above, and refuses a hot standby. To be called first by every function that needs a collector at work.
void require_collector_possible();

// The lock of an area. The areas must exist.
LWLock* shared_lock(SharedArea area);

// Holds an area's lock for a scope that cannot be left by ereport: the server releases LWLocks itself on ERROR, but
// would skip the destructor, so between the braces only memory is read and written.
class SharedLockGuard {
  public:
    SharedLockGuard(SharedArea area, LWLockMode mode) : lock_(shared_lock(area)) { LWLockAcquire(lock_, mode); }
    ~SharedLockGuard() { LWLockRelease(lock_); }
    SharedLockGuard(const SharedLockGuard&) = delete;
    SharedLockGuard& operator=(const SharedLockGuard&) = delete;

  private:
    LWLock* lock_;
};

}  // namespace vitals::ext
