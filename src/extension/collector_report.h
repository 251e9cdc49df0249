// What collectors tell about themselves, in shared memory: the numbers behind vitals.worker_status and vitals.probers.
// Written by the collector of a database, read by any session; gone with the collector.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/error_class.h"
#include "pg/pg.h"

namespace vitals::ext {

struct CollectorFigures {
    int tenants = 0;
    int targets = 0;         // with collection enabled
    int down = 0;            // of those: probed and not polled
    int in_flight = 0;       // polls and probes
    int due = 0;             // polls that are due, but not started yet
    int overdue = 0;         // of those: for more than a second
    double lag_p50_ms = -1;  // of the newest polls; negative: there were none
    double lag_p99_ms = -1;
    std::int64_t polls = 0;
    std::int64_t polls_failed = 0;
    std::array<std::int64_t, core::error_class_count> failures{};  // polls with an error, by class
    std::int64_t probes = 0;
    std::int64_t cycles_passed = 0;   // of targets that are down
    std::int64_t cycles_skipped = 0;  // nothing was done for them in time
    std::int64_t polls_lost = 0;      // with their prober
    std::int64_t samples_stored = 0;  // rows of server_snapshots
    std::int64_t samples_rejected = 0;
    std::int64_t samples_dropped = 0;  // never stored: the tenant's schema would not take them
};
static_assert(std::is_trivially_copyable_v<CollectorFigures>);

struct ProberFigures {
    int tenant_key = 0;
    Oid tenant_role = InvalidOid;
    int pid = 0;  // 0 while none runs
    TimestampTz started_at = 0;
    int restarts = 0;
    int in_flight = 0;
    std::int64_t polls_lost = 0;
    std::int64_t resident_bytes = 0;  // 0: not known
    TimestampTz last_exit_at = 0;
    char last_exit[256] = "";
};

struct CollectorReport {
    Oid database = InvalidOid;
    CollectorFigures figures;
    TimestampTz last_error_at = 0;
    char last_error[512] = "";
    std::uint64_t configuration_generation = 0;
};

// The collector's side, for the current database. Figures replace those before; probers all of this database's.
// Returns how many probers did not fit (vitals.max_probers).
void publish_figures(const CollectorFigures& figures);
void publish_error(std::string_view message);
std::size_t publish_probers(const std::vector<ProberFigures>& probers);
// Counts the commits that changed the configuration of a database: a collector that sees another number than last time
// reads its tables again.
void configuration_changed(Oid database);
std::uint64_t configuration_generation();

// Forgets what this database's collector published. Safe in an exit callback.
void withdraw_report();

// The readers' side. False if there is no report for the database.
bool read_report(Oid database, CollectorReport& report);
// Copies at most `most` probers of the database; returns how many.
int read_probers(Oid database, ProberFigures* probers, int most);

// For the table of shared areas.
Size collector_report_size();
void collector_report_init(void* memory, bool found);

}  // namespace vitals::ext
