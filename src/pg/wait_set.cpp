#include "pg/wait_set.h"

#include "pg/boundary.h"
#include "pg/pg.h"

namespace vitals::pg {

namespace {

WaitEventSet* create_set(int size) {
#if PG_VERSION_NUM >= 170000
    return CreateWaitEventSet(nullptr, size);
#else
    return CreateWaitEventSet(TopMemoryContext, size);
#endif
}

// A set cannot forget a socket again, so it is made anew each time: a few microseconds, against a wait of milliseconds.
int wait_once(const SocketInterest* sockets, std::size_t count, long timeout_ms, WaitEvent* events, int most_events) {
    WaitEventSet* set = create_set(most_events);
    int ready = 0;
    PG_TRY();
    {
        AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
        AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
        for (std::size_t i = 0; i < count; ++i) {
            const uint32 flags = sockets[i].write ? (WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE) : WL_SOCKET_READABLE;
            AddWaitEventToSet(set, flags, sockets[i].fd, nullptr, const_cast<SocketInterest*>(&sockets[i]));
        }
        ready = WaitEventSetWait(set, timeout_ms, events, most_events, PG_WAIT_EXTENSION);
    }
    PG_FINALLY();
    { FreeWaitEventSet(set); }
    PG_END_TRY();
    return ready;
}

}  // namespace

std::vector<SocketReady> wait_for(const std::vector<SocketInterest>& sockets, std::chrono::milliseconds most) {
    // All at once: a prober whose answer stays unread would be taken for one that did not answer in time.
    std::vector<WaitEvent> events(sockets.size() + 2);
    WaitEvent* first_event = events.data();
    const int most_events = static_cast<int>(events.size());
    const SocketInterest* first = sockets.data();
    const std::size_t count = sockets.size();
    const long timeout_ms = static_cast<long>(most.count());
    const int ready = call([=] { return wait_once(first, count, timeout_ms, first_event, most_events); });

    std::vector<SocketReady> found;
    for (int i = 0; i < ready; ++i) {
        const WaitEvent& event = events.at(i);
        if (event.user_data == nullptr) continue;
        found.push_back({.index = static_cast<std::size_t>(static_cast<SocketInterest*>(event.user_data) - first),
                         .readable = (event.events & WL_SOCKET_READABLE) != 0,
                         .writable = (event.events & WL_SOCKET_WRITEABLE) != 0});
    }
    call([] { ResetLatch(MyLatch); });
    return found;
}

}  // namespace vitals::pg
