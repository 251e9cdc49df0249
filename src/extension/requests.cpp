#include "extension/requests.h"

#include <algorithm>
#include <cstring>

#include "extension/database_slots.h"
#include "extension/shared_memory.h"

extern "C" {
#include "storage/procarray.h"
}

namespace vitals::ext {

namespace {

constexpr int slot_count = 16;
// Of one tenant, so that none can keep the others waiting.
constexpr int most_of_one_tenant = 4;

enum class SlotState { free, waiting, taken, answered };

struct Slot {
    SlotState state;
    std::uint64_t ticket;
    RequestKind kind;
    Oid database;
    int tenant_key;
    char server_id[64];
    int timeout_ms;
    int requester_pid;
    bool succeeded;
    char answer[most_answer_bytes];
};

struct SharedRequests {
    std::uint64_t last_ticket;
    Slot slots[slot_count];
};

SharedRequests* shared = nullptr;

constexpr int sqlstate_unavailable = MAKE_SQLSTATE('P', 'T', '5', '0', '3');
constexpr int sqlstate_timeout = MAKE_SQLSTATE('P', 'T', '5', '0', '4');

// What the session's exit or error path has to give back.
struct OwnSlot {
    int index;
    std::uint64_t ticket;
};

void release(const OwnSlot& own) {
    const SharedLockGuard guard(SharedArea::requests, LW_EXCLUSIVE);
    Slot& slot = shared->slots[own.index];
    if (slot.ticket == own.ticket) slot.state = SlotState::free;
}

void release_on_exit(int /* code */, Datum own) {
    release(*reinterpret_cast<OwnSlot*>(DatumGetPointer(own)));
}

OwnSlot claim(RequestKind kind, int tenant_key, const char* server_id, int timeout_ms) {
    OwnSlot own{-1, 0};
    {
        const SharedLockGuard guard(SharedArea::requests, LW_EXCLUSIVE);
        const auto is_of_tenant = [&](const Slot& slot) {
            return slot.state != SlotState::free && slot.database == MyDatabaseId && slot.tenant_key == tenant_key;
        };
        const bool room = std::count_if(shared->slots, shared->slots + slot_count, is_of_tenant) < most_of_one_tenant;
        for (int i = 0; room && i < slot_count && own.index < 0; ++i) {
            Slot& slot = shared->slots[i];
            if (slot.state != SlotState::free) continue;
            own = {i, ++shared->last_ticket};
            slot.state = SlotState::waiting;
            slot.ticket = own.ticket;
            slot.kind = kind;
            slot.database = MyDatabaseId;
            slot.tenant_key = tenant_key;
            strlcpy(slot.server_id, server_id, sizeof(slot.server_id));
            slot.timeout_ms = timeout_ms;
            slot.requester_pid = MyProcPid;
        }
    }
    if (own.index < 0) {
        ereport(ERROR, (errcode(sqlstate_unavailable), errmsg("too many requests to the collector at the same time"),
                        errhint("Try again in a moment.")));
    }
    return own;
}

// The collector sets our latch, but could be replaced between its answer and that: hence the short waits.
char* await_answer(RequestKind kind, const OwnSlot& own, int timeout_ms) {
    const TimestampTz give_up = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);
    for (;;) {
        {
            const SharedLockGuard guard(SharedArea::requests, LW_SHARED);
            const Slot& slot = shared->slots[own.index];
            if (slot.state == SlotState::answered) break;
        }
        const long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), give_up);
        if (left <= 0) {
            ereport(ERROR, (errcode(sqlstate_timeout), errmsg("no answer from the collector"),
                            errdetail("Waited %d ms.", timeout_ms),
                            errhint("See vitals.worker_status and vitals.probers, or give a longer timeout.")));
        }
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, std::min(left, 100L), PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    // Not under the lock: palloc may raise.
    char* answer = static_cast<char*>(palloc(most_answer_bytes));
    bool succeeded = false;
    {
        const SharedLockGuard guard(SharedArea::requests, LW_SHARED);
        std::memcpy(answer, shared->slots[own.index].answer, most_answer_bytes);
        succeeded = shared->slots[own.index].succeeded;
    }
    if (!succeeded) {
        ereport(ERROR, (errcode(sqlstate_unavailable),
                        kind == RequestKind::check ? errmsg("connection test could not be run")
                                                   : errmsg("server could not be polled"),
                        errdetail_internal("%s", answer)));
    }
    return answer;
}

}  // namespace

std::optional<Request> take_request() {
    const SharedLockGuard guard(SharedArea::requests, LW_EXCLUSIVE);
    for (int i = 0; i < slot_count; ++i) {
        Slot& slot = shared->slots[i];
        if (slot.state != SlotState::waiting || slot.database != MyDatabaseId) continue;
        slot.state = SlotState::taken;
        return Request{i, slot.ticket, slot.kind, slot.tenant_key, slot.server_id, slot.timeout_ms};
    }
    return std::nullopt;
}

void answer_request(const Request& request, bool succeeded, std::string_view answer) {
    int requester = 0;
    {
        const SharedLockGuard guard(SharedArea::requests, LW_EXCLUSIVE);
        Slot& slot = shared->slots[request.slot];
        if (slot.state != SlotState::taken || slot.ticket != request.ticket) return;
        const std::size_t length = std::min(answer.size(), most_answer_bytes - 1);
        std::memcpy(slot.answer, answer.data(), length);
        slot.answer[length] = '\0';
        slot.succeeded = succeeded;
        slot.state = SlotState::answered;
        requester = slot.requester_pid;
    }
    // Under its lock the array cannot lose the process whose latch is set.
    LWLockAcquire(ProcArrayLock, LW_SHARED);
    if (PGPROC* process = BackendPidGetProcWithLock(requester)) SetLatch(&process->procLatch);
    LWLockRelease(ProcArrayLock);
}

char* request(RequestKind kind, int tenant_key, const char* server_id, int timeout_ms) {
    require_collector_possible();
    DatabaseSlot database;
    if (!find_slot(MyDatabaseId, database) || database.state != CollectorState::running) {
        ereport(ERROR, (errcode(sqlstate_unavailable), errmsg("collector is not running"),
                        errhint("See vitals.worker_status; vitals.start_collector() starts it.")));
    }
    OwnSlot own = claim(kind, tenant_key, server_id, timeout_ms);
    char* answer = nullptr;
    // Also when the session is terminated: a slot that nobody waits for would be lost for good.
    PG_ENSURE_ERROR_CLEANUP(release_on_exit, PointerGetDatum(&own));
    {
        wake_collector(MyDatabaseId);
        answer = await_answer(kind, own, timeout_ms);
    }
    PG_END_ENSURE_ERROR_CLEANUP(release_on_exit, PointerGetDatum(&own));
    release(own);
    return answer;
}

Size requests_size() {
    return sizeof(SharedRequests);
}

void requests_init(void* memory, bool found) {
    shared = static_cast<SharedRequests*>(memory);
    if (!found) std::memset(static_cast<void*>(shared), 0, sizeof(SharedRequests));
}

}  // namespace vitals::ext
