#include "pg/wait_set.h"

#include <algorithm>

#include "pg/boundary.h"
#include "pg/pg.h"

namespace vitals::pg {

namespace {

// The latch and the postmaster come before the sockets.
constexpr int others = 2;

uint32 flags_of(const SocketInterest& socket) {
    return socket.write ? (WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE) : WL_SOCKET_READABLE;
}

WaitEventSet* create_set(int size) {
#if PG_VERSION_NUM >= 170000
    return CreateWaitEventSet(nullptr, size);
#else
    return CreateWaitEventSet(TopMemoryContext, size);
#endif
}

// Events of sockets carry the address of the socket's element, and others none.
WaitEventSet* make_set(SocketInterest* sockets, std::size_t count) {
    WaitEventSet* set = create_set(static_cast<int>(count) + others);
    PG_TRY();
    {
        AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
        AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
        for (std::size_t i = 0; i < count; ++i)
            AddWaitEventToSet(set, flags_of(sockets[i]), sockets[i].fd, nullptr, &sockets[i]);
    }
    PG_CATCH();
    {
        FreeWaitEventSet(set);
        PG_RE_THROW();
    }
    PG_END_TRY();
    return set;
}

}  // namespace

WaitSet::~WaitSet() {
    if (set_ != nullptr) FreeWaitEventSet(set_);
}

bool WaitSet::has_same_sockets(const std::vector<SocketInterest>& sockets) const {
    return std::ranges::equal(watched_, sockets, [](const auto& watched, const auto& wanted) {
        return watched.fd == wanted.fd && watched.serial == wanted.serial;
    });
}

// A set cannot forget a socket: where they are others than before it is made anew, which takes as long as a dozen
// waits.
void WaitSet::watch(const std::vector<SocketInterest>& sockets) {
    if (set_ == nullptr || !has_same_sockets(sockets)) {
        if (set_ != nullptr) FreeWaitEventSet(set_);
        set_ = nullptr;
        watched_ = sockets;
        set_ = call([first = watched_.data(), count = watched_.size()] { return make_set(first, count); });
        return;
    }
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        if (watched_[i] == sockets[i]) continue;
        call([set = set_, i, flags = flags_of(sockets[i])] {
            ModifyWaitEvent(set, static_cast<int>(i) + others, flags, nullptr);
        });
        watched_[i] = sockets[i];
    }
}

std::vector<SocketReady> WaitSet::wait(const std::vector<SocketInterest>& sockets, std::chrono::milliseconds most) {
    watch(sockets);
    // All at once: a prober whose answer stays unread would be taken for one that did not answer in time.
    std::vector<WaitEvent> events(sockets.size() + others);
    const int ready =
        call([set = set_, timeout_ms = static_cast<long>(most.count()), first = events.data(), count = events.size()] {
            return WaitEventSetWait(set, timeout_ms, first, static_cast<int>(count), PG_WAIT_EXTENSION);
        });

    std::vector<SocketReady> found;
    for (int i = 0; i < ready; ++i) {
        const WaitEvent& event = events.at(i);
        if (event.user_data == nullptr) continue;
        const auto* socket = static_cast<const SocketInterest*>(event.user_data);
        found.push_back({.index = static_cast<std::size_t>(socket - watched_.data()),
                         .readable = (event.events & WL_SOCKET_READABLE) != 0,
                         .writable = (event.events & WL_SOCKET_WRITEABLE) != 0});
    }
    call([] { ResetLatch(MyLatch); });
    return found;
}

}  // namespace vitals::pg
