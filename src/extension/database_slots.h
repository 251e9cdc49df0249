// One slot per database in shared memory: what the launcher, the collectors and the sessions agree on.
//
//   wanted ──launcher──► starting ──collector──► running ◄──► version_mismatch, paused
//     ▲  ▲                  │                       │
//     │  └── no_worker_slot ┘ (server has none free)│
//     │                                             │
//     ├── end of the process, after a back-off ─────┤
//     │                                             ▼
//     └── CREATE EXTENSION committed ────── no_extension
//
// Only the launcher leaves wanted, and it hands each start a number of its own. A collector serves its database only if
// the slot is still "starting" with its number when it arrives, so two collectors never serve one database, however
// starts, ends and restarts of the launcher interleave.
#pragma once

#include <cstdint>

#include "pg/compat.h"

namespace vitals::ext {

enum class CollectorState : std::int32_t {
    wanted,            // to be started as soon as it is due and nothing holds the database
    no_worker_slot,    // as wanted, but max_worker_processes is used up
    starting,          // registered with the postmaster
    running,           // serves the database
    version_mismatch,  // is up, but waits for ALTER EXTENSION UPDATE or a restart of the server
    paused,            // is up, but waits for vitals.enable(): the database was restored or copied
    no_extension,      // has looked: the extension is not there
    retiring,          // told to end, since its database became a template or refuses connections
};

struct DatabaseSlot {
    Oid database;  // InvalidOid: the slot is free
    NameData name;
    CollectorState state;
    int holds;                   // statements in progress that need the database without a collector
    std::uint64_t start_number;  // of the newest start
    pid_t pid;                   // of the collector; 0 while none is there
    bool recheck;                // the collector shall look at pg_extension again
    int failures;                // unexpected ends in a row, for the back-off
    std::int64_t restarts;
    std::int64_t next_start;     // monotonic nanoseconds
    std::int64_t running_since;  // monotonic nanoseconds
    TimestampTz started_at;      // 0: never
    char version[32];            // of the extension's SQL objects, as last seen
    char last_error[256];
    TimestampTz last_error_at;  // 0: never
};

// One start of a collector, from the launcher through the postmaster to the process.
struct CollectorStart {
    int slot;
    Oid database;
    std::uint64_t number;
};

// A database that may have a collector.
struct DatabaseName {
    Oid database;
    NameData name;
};

const char* to_text(CollectorState state);

Size database_slots_size();
void database_slots_init(void* memory, bool found);

// ---- launcher ----

// Makes the calling process the launcher. Starts that its predecessor registered and that did not arrive are void.
void adopt_slots();

// True once after somebody asked for the list of databases to be read again.
bool take_rescan_request();

// Brings the slots in line with the databases of the cluster: adds, renames, tells collectors of databases that are no
// longer in the list to end, frees slots. Returns how many databases found no slot.
int reconcile_slots(const DatabaseName* databases, int count);

// Chooses a slot that is due and not busy (as the callback says), and makes it "starting". False if there is none.
bool claim_start(bool (*busy)(int slot), CollectorStart& start, NameData& name);

// The postmaster had no slot for this start: try again in five seconds.
void start_refused(const CollectorStart& start);

// The process of this start is gone. Counts as a failure if it never arrived at its main function.
void process_gone(const CollectorStart& start);

// Slots in state no_worker_slot.
int count_slots_without_worker();

// Milliseconds until claim_start may find something, at most limit.
long milliseconds_to_next_start(long limit);

// ---- collector ----

// The collector's first step, before it connects to its database. False: this start is void, end with code 0.
bool enter_slot(const CollectorStart& start);

// Sets running, version_mismatch or paused, with the extension's version.
void report_collector(int slot, CollectorState state, const char* version);

// Remembers the error that is about to end the collector.
void report_collector_error(int slot, const char* message);

// Whether the collector was asked to look at pg_extension again; take_ also answers the request.
bool recheck_requested(int slot);
bool take_recheck_request(int slot);

// Whether the database is to be without a collector at once: a statement needs it, or it is none of ours any more. For
// signal handlers: without a lock.
bool must_make_room(int slot) noexcept;

// The extension is gone: marks the slot and returns true, or returns false if meanwhile somebody asked to look again.
bool retire_without_extension(int slot);

// The collector's last step, also on errors.
void leave_slot(int slot);

// ---- sessions ----

// Keeps the collector away from the database until release_database is called as often. Returns the slot to release, or
// -1 if all slots are taken, so that the database cannot have a collector anyway.
int hold_database(Oid database);
void release_database(int slot);

// Tells the collector of a held slot to end and waits for that, at most five seconds. A start that has not arrived yet
// needs no waiting: it will find the hold.
void end_held_collector(int slot);

// Says that the extension may have come, gone or changed in the database: a collector that is there looks at
// pg_extension again, and if the extension is there, one is started where none is.
void tell_collector(Oid database, bool has_extension);

// Asks the launcher to read the list of databases.
void request_rescan();

// Sets the latch of the collector of the database, if it is running. Returns whether it is.
bool wake_collector(Oid database);

// Copies the slot; false if there is no such slot (or, for the second, no slot of the database).
bool read_slot(int slot, DatabaseSlot& copy);
bool find_slot(Oid database, DatabaseSlot& copy);

}  // namespace vitals::ext
