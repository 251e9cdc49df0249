// Answers what FreeTDS asks the kernel for and what is known without it. For each of its reads and writes FreeTDS calls
// poll() twice, it reads the five bytes of a TLS record's header apart from the record, and uncorks and corks its
// socket after each request. Without this a poll of a server takes some thirty system calls, of which three have to
// wait for something or to move bytes.
//
// One connection's; the interposed functions of libc ask it (interposed_libc.cpp).
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace vitals::prober {

class SocketShortcuts {
  public:
    // FreeTDS opens a socket to connect: it sets TCP_NODELAY, which it does to no socket but its own.
    void opened(int fd);
    // Whether corking it changes nothing: what is written to it goes out at once as it is.
    [[nodiscard]] bool is_ours(int fd) const noexcept;
    // A write to a socket has taken so many of the bytes, or failed.
    void wrote(int fd, std::size_t size, ssize_t taken);
    // The kernel said what a socket is ready for.
    void polled(std::span<const pollfd> fds);

    // Whether poll() need not ask the kernel: then revents are set.
    [[nodiscard]] bool answers(std::span<pollfd> fds) const noexcept;

    // Whether a read from this socket is better served here: what FreeTDS asks for now and later is read at once.
    [[nodiscard]] bool reads_ahead(int fd, int flags) const noexcept { return fd == fd_ && flags == ordinary_read; }
    // Where to read to. Only while nothing is left of what was read.
    [[nodiscard]] std::span<std::byte> room();
    // So many bytes were read there.
    void arrived(std::size_t size) noexcept { left_ = {ahead_.get(), size}; }
    [[nodiscard]] bool has_bytes() const noexcept { return !left_.empty(); }
    // Moves what was read to where FreeTDS wants it. Returns how many bytes.
    std::size_t take(std::span<std::byte> to) noexcept;
    // The exchange ended: gives memory back, unless something is left in it.
    void rest() noexcept;

  private:
    static const int ordinary_read;

    std::vector<int> opened_;  // nothing was written yet
    int fd_ = -1;              // the connection's, once something was
    bool writable_ = false;    // as far as we know
    std::unique_ptr<std::byte[]> ahead_;
    std::span<std::byte> left_;
};

}  // namespace vitals::prober
