#include "prober/freetds/socket_shortcuts.h"

#include <sys/socket.h>

#include <algorithm>

namespace vitals::prober {

namespace {

// Most answers of a server, and what an answer with all groups has on its way at once.
constexpr std::size_t ahead_size = 32 * 1024;
// More than a name has addresses.
constexpr std::size_t most_opened = 64;

}  // namespace

const int SocketShortcuts::ordinary_read = MSG_NOSIGNAL;

void SocketShortcuts::opened(int fd) {
    // The number of one that was closed.
    if (fd == fd_) {
        fd_ = -1;
        left_ = {};
    }
    if (!is_ours(fd) && opened_.size() < most_opened) opened_.push_back(fd);
}

bool SocketShortcuts::is_ours(int fd) const noexcept {
    return fd == fd_ || std::ranges::find(opened_, fd) != opened_.end();
}

void SocketShortcuts::wrote(int fd, std::size_t size, ssize_t taken) {
    if (fd != fd_) {
        if (taken <= 0 || !is_ours(fd)) return;
        opened_.clear();
        fd_ = fd;
        left_ = {};
    }
    writable_ = taken >= 0 && static_cast<std::size_t>(taken) == size;
}

void SocketShortcuts::polled(std::span<const pollfd> fds) {
    for (const pollfd& polled : fds) {
        if (polled.fd == fd_ && (polled.revents & POLLOUT) != 0) writable_ = true;
    }
}

bool SocketShortcuts::answers(std::span<pollfd> fds) const noexcept {
    if (fds.empty() || fds.front().fd != fd_ || fd_ < 0) return false;
    int ready = 0;
    if (writable_) ready |= fds.front().events & POLLOUT;
    if (has_bytes()) ready |= fds.front().events & POLLIN;
    if (ready == 0) return false;
    for (pollfd& polled : fds)
        polled.revents = 0;
    fds.front().revents = static_cast<short>(ready);
    return true;
}

std::span<std::byte> SocketShortcuts::room() {
    if (!ahead_) ahead_ = std::make_unique_for_overwrite<std::byte[]>(ahead_size);
    return {ahead_.get(), ahead_size};
}

std::size_t SocketShortcuts::take(std::span<std::byte> to) noexcept {
    const std::size_t size = std::min(to.size(), left_.size());
    std::ranges::copy(left_.first(size), to.begin());
    left_ = left_.subspan(size);
    return size;
}

void SocketShortcuts::rest() noexcept {
    if (!has_bytes()) ahead_.reset();
}

}  // namespace vitals::prober
