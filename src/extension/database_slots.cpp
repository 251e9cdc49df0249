// Every change of a slot happens here, under the one lock of the area, and in functions that cannot raise an error
// while they hold it.
#include "extension/database_slots.h"

#include <algorithm>
#include <chrono>

#include "extension/settings.h"
#include "extension/shared_memory.h"

extern "C" {
#include "mb/pg_wchar.h"
#include "storage/procarray.h"
#include "utils/wait_event.h"
}

namespace vitals::ext {

namespace {

struct SlotTable {
    pid_t launcher_pid;
    bool rescan;
    std::uint64_t last_start_number;
    int count;
    DatabaseSlot slots[FLEXIBLE_ARRAY_MEMBER];
};

using std::chrono::nanoseconds;
using std::chrono::seconds;

// Forks at the same time: a cluster of many databases must not use up the worker slots of parallel queries while each
// database is looked at once.
constexpr int max_concurrent_starts = 4;
constexpr nanoseconds first_backoff = seconds(1);
constexpr nanoseconds longest_backoff = seconds(60);
constexpr nanoseconds healthy_uptime = seconds(60);
constexpr nanoseconds refused_backoff = seconds(5);
constexpr seconds stop_patience(5);

SlotTable* table = nullptr;

// Back-off must survive a change of the wall clock, and the number is compared across processes.
std::int64_t monotonic_now() {
    return std::chrono::duration_cast<nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

DatabaseSlot* slot_of(Oid database) {
    DatabaseSlot* end = table->slots + table->count;
    DatabaseSlot* found =
        std::find_if(table->slots, end, [=](const DatabaseSlot& slot) { return slot.database == database; });
    return found == end ? nullptr : found;
}

DatabaseSlot* add_slot(Oid database) {
    DatabaseSlot* slot = slot_of(InvalidOid);
    if (slot != nullptr) {
        *slot = DatabaseSlot{};
        slot->database = database;
        slot->state = CollectorState::wanted;
    }
    return slot;
}

int index_of(const DatabaseSlot* slot) {
    return static_cast<int>(slot - table->slots);
}

bool is_waiting(const DatabaseSlot& slot) {
    return slot.database != InvalidOid &&
           (slot.state == CollectorState::wanted || slot.state == CollectorState::no_worker_slot);
}

bool has_process(const DatabaseSlot& slot) {
    return slot.pid != 0;
}

bool is_process_of(int slot, pid_t pid) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_SHARED);
    return table->slots[slot].pid == pid;
}

bool is_current(const DatabaseSlot& slot, const CollectorStart& start) {
    return slot.database == start.database && slot.start_number == start.number;
}

// A latch of a process that is just ending, or of the next user of its PGPROC, takes no harm from being set.
void wake_process(pid_t pid) {
    PGPROC* process = pid == 0 ? nullptr : BackendPidGetProc(pid);
    if (process != nullptr) SetLatch(&process->procLatch);
}

void want_again(DatabaseSlot& slot, std::int64_t delay) {
    slot.state = CollectorState::wanted;
    slot.next_start = monotonic_now() + delay;
}

void want_at_once(DatabaseSlot& slot) {
    slot.state = CollectorState::wanted;
    slot.failures = 0;
    slot.next_start = 0;
}

void want_after_failure(DatabaseSlot& slot) {
    const int doublings = std::min(slot.failures, 6);
    ++slot.failures;
    ++slot.restarts;
    want_again(slot, std::min(first_backoff * (1 << doublings), longest_backoff).count());
}

// A slot whose database is not, or no longer, one that may have a collector. A held one stays: the statement that holds
// it has its number and releases it soon.
void retire(DatabaseSlot& slot) {
    if (has_process(slot)) {
        slot.state = CollectorState::retiring;
        kill(slot.pid, SIGTERM);
    } else if (slot.holds == 0 && slot.state != CollectorState::starting) {
        slot.database = InvalidOid;
    }
}

}  // namespace

const char* to_text(CollectorState state) {
    switch (state) {
        case CollectorState::wanted:
            return "wanted";
        case CollectorState::no_worker_slot:
            return "no worker slot";
        case CollectorState::starting:
            return "starting";
        case CollectorState::running:
            return "running";
        case CollectorState::version_mismatch:
            return "version mismatch";
        case CollectorState::paused:
            return "paused: run vitals.enable()";
        case CollectorState::no_extension:
            return "no extension";
        case CollectorState::retiring:
            return "retiring";
    }
    return "unknown";
}

Size database_slots_size() {
    return add_size(offsetof(SlotTable, slots), mul_size(sizeof(DatabaseSlot), setting_max_databases()));
}

void database_slots_init(void* memory, bool found) {
    table = static_cast<SlotTable*>(memory);
    if (found) return;
    table->launcher_pid = 0;
    table->rescan = true;
    table->last_start_number = 0;
    table->count = setting_max_databases();
    std::fill_n(table->slots, table->count, DatabaseSlot{});
}

void adopt_slots() {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    table->launcher_pid = MyProcPid;
    table->rescan = true;
    for (int i = 0; i < table->count; ++i) {
        DatabaseSlot& slot = table->slots[i];
        if (slot.state == CollectorState::starting && !has_process(slot)) {
            slot.start_number = 0;
            want_at_once(slot);
        }
    }
}

bool take_rescan_request() {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    const bool requested = table->rescan;
    table->rescan = false;
    return requested;
}

int reconcile_slots(const DatabaseName* databases, int count) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    for (int i = 0; i < table->count; ++i) {
        DatabaseSlot& slot = table->slots[i];
        const bool listed = std::any_of(databases, databases + count,
                                        [&](const DatabaseName& entry) { return entry.database == slot.database; });
        if (slot.database != InvalidOid && !listed) retire(slot);
    }
    int without_slot = 0;
    for (int i = 0; i < count; ++i) {
        DatabaseSlot* slot = slot_of(databases[i].database);
        if (slot == nullptr) slot = add_slot(databases[i].database);
        if (slot == nullptr) {
            ++without_slot;
            continue;
        }
        slot->name = databases[i].name;
        if (slot->state == CollectorState::retiring && !has_process(*slot)) want_at_once(*slot);
    }
    return without_slot;
}

bool claim_start(bool (*busy)(int slot), CollectorStart& start, NameData& name) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    DatabaseSlot* const end = table->slots + table->count;
    const auto starting = [](const DatabaseSlot& slot) {
        return slot.database != InvalidOid && slot.state == CollectorState::starting;
    };
    if (std::count_if(table->slots, end, starting) >= max_concurrent_starts) return false;

    const std::int64_t now = monotonic_now();
    DatabaseSlot* slot = std::find_if(table->slots, end, [&](const DatabaseSlot& candidate) {
        return is_waiting(candidate) && candidate.holds == 0 && candidate.next_start <= now &&
               !busy(index_of(&candidate));
    });
    if (slot == end) return false;
    slot->state = CollectorState::starting;
    slot->start_number = ++table->last_start_number;
    slot->recheck = false;
    start = CollectorStart{index_of(slot), slot->database, slot->start_number};
    name = slot->name;
    return true;
}

void start_refused(const CollectorStart& start) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    DatabaseSlot& slot = table->slots[start.slot];
    slot.state = CollectorState::no_worker_slot;
    slot.next_start = monotonic_now() + refused_backoff.count();
}

void process_gone(const CollectorStart& start) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    DatabaseSlot& slot = table->slots[start.slot];
    if (is_current(slot, start) && slot.state == CollectorState::starting && !has_process(slot))
        want_after_failure(slot);
}

int count_slots_without_worker() {
    const SharedLockGuard guard(SharedArea::database_slots, LW_SHARED);
    return static_cast<int>(std::count_if(table->slots, table->slots + table->count, [](const DatabaseSlot& slot) {
        return slot.database != InvalidOid && slot.state == CollectorState::no_worker_slot;
    }));
}

long milliseconds_to_next_start(long limit) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_SHARED);
    const std::int64_t now = monotonic_now();
    std::int64_t nearest = now + limit * 1'000'000;
    for (int i = 0; i < table->count; ++i) {
        const DatabaseSlot& slot = table->slots[i];
        // A slot that is due now is waiting for a process to end or to start, and that sets the launcher's latch.
        if (is_waiting(slot) && slot.holds == 0 && slot.next_start > now) nearest = std::min(nearest, slot.next_start);
    }
    return static_cast<long>((nearest - now) / 1'000'000 + 1);
}

bool enter_slot(const CollectorStart& start) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    DatabaseSlot& slot = table->slots[start.slot];
    if (!is_current(slot, start) || slot.state != CollectorState::starting || has_process(slot)) return false;
    if (slot.holds > 0) {
        want_at_once(slot);
        return false;
    }
    slot.pid = MyProcPid;
    slot.started_at = GetCurrentTimestamp();
    slot.running_since = monotonic_now();
    return true;
}

void report_collector(int slot, CollectorState state, const char* version) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    DatabaseSlot& mine = table->slots[slot];
    // Told to end meanwhile: the signal is on its way.
    if (mine.state != CollectorState::retiring) mine.state = state;
    strlcpy(mine.version, version, sizeof(mine.version));
    wake_process(table->launcher_pid);
}

void report_collector_error(int slot, const char* message) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    DatabaseSlot& mine = table->slots[slot];
    const int length = pg_mbcliplen(message, static_cast<int>(strlen(message)), sizeof(mine.last_error) - 1);
    strlcpy(mine.last_error, message, static_cast<Size>(length) + 1);
    mine.last_error_at = GetCurrentTimestamp();
}

bool recheck_requested(int slot) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_SHARED);
    return table->slots[slot].recheck;
}

bool take_recheck_request(int slot) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    const bool requested = table->slots[slot].recheck;
    table->slots[slot].recheck = false;
    return requested;
}

bool must_make_room(int slot) noexcept {
    const volatile DatabaseSlot& mine = table->slots[slot];
    return mine.holds > 0 || mine.state == CollectorState::retiring;
}

bool retire_without_extension(int slot) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    DatabaseSlot& mine = table->slots[slot];
    if (mine.recheck) return false;
    if (mine.state != CollectorState::retiring) mine.state = CollectorState::no_extension;
    mine.version[0] = '\0';
    mine.failures = 0;
    return true;
}

void leave_slot(int slot) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    DatabaseSlot& mine = table->slots[slot];
    mine.pid = 0;
    // The end may have its reason in what happened to the database.
    table->rescan = true;
    if (mine.state != CollectorState::retiring && mine.state != CollectorState::no_extension) {
        if (monotonic_now() - mine.running_since > healthy_uptime.count()) mine.failures = 0;
        if (mine.holds > 0)
            want_at_once(mine);
        else
            want_after_failure(mine);
    }
    wake_process(table->launcher_pid);
}

int hold_database(Oid database) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    DatabaseSlot* slot = slot_of(database);
    if (slot == nullptr) slot = add_slot(database);
    if (slot == nullptr) return -1;
    ++slot->holds;
    return index_of(slot);
}

void end_held_collector(int slot) {
    pid_t pid = 0;
    {
        const SharedLockGuard guard(SharedArea::database_slots, LW_SHARED);
        pid = table->slots[slot].pid;
        if (pid != 0) kill(pid, SIGTERM);
    }
    const std::int64_t deadline = monotonic_now() + nanoseconds(stop_patience).count();
    // Until it is also out of the array of processes, which is where the statement itself looks, every 100 ms only.
    while (pid != 0 && (is_process_of(slot, pid) || BackendPidGetProc(pid) != nullptr) && monotonic_now() < deadline) {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 5, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
}

void release_database(int slot) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    --table->slots[slot].holds;
    table->rescan = true;
    wake_process(table->launcher_pid);
}

void tell_collector(Oid database, bool has_extension) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    DatabaseSlot* slot = slot_of(database);
    if (slot != nullptr && (has_process(*slot) || slot->state == CollectorState::starting)) {
        slot->recheck = true;
        wake_process(slot->pid);
    } else if (has_extension) {
        // Without a slot the database is new, and the launcher has yet to read of it.
        if (slot != nullptr) want_at_once(*slot);
        table->rescan = true;
        wake_process(table->launcher_pid);
    }
}

void request_rescan() {
    const SharedLockGuard guard(SharedArea::database_slots, LW_EXCLUSIVE);
    table->rescan = true;
    wake_process(table->launcher_pid);
}

bool wake_collector(Oid database) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_SHARED);
    const DatabaseSlot* slot = slot_of(database);
    if (slot == nullptr || !has_process(*slot)) return false;
    wake_process(slot->pid);
    return slot->state == CollectorState::running;
}

bool read_slot(int slot, DatabaseSlot& copy) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_SHARED);
    if (slot >= table->count || table->slots[slot].database == InvalidOid) return false;
    copy = table->slots[slot];
    return true;
}

bool find_slot(Oid database, DatabaseSlot& copy) {
    const SharedLockGuard guard(SharedArea::database_slots, LW_SHARED);
    const DatabaseSlot* slot = slot_of(database);
    if (slot == nullptr) return false;
    copy = *slot;
    return true;
}

}  // namespace vitals::ext
