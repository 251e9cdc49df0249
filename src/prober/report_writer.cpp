#include "prober/report_writer.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "prober/exit_code.h"

namespace vitals::prober {

namespace {

// Of lines; the one that is written now and the last one that fits come on top.
constexpr std::size_t most_waiting = std::size_t{1024} * 1024;

// What is no socket always has to be waited for.
ssize_t send_or_write(int fd, std::string_view bytes, bool wait) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    if (sent >= 0 || errno != ENOTSOCK) return sent;
    if (wait) return write(fd, bytes.data(), bytes.size());
    errno = EAGAIN;
    return -1;
}

}  // namespace

void ReportWriter::write(const core::Hello& hello) {
    add_line(core::encode(hello));
    write();
}

void ReportWriter::add(const core::Result& result) {
    add_line(core::encode(result));
}

void ReportWriter::add_line(std::string line) {
    line.push_back('\n');
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_.size() < most_waiting; });
    waiting_ += line;
}

bool ReportWriter::write_waiting(Wait wait) {
    std::unique_lock lock(mutex_);
    if (writing_) return true;
    writing_ = true;
    bool all = true;
    while (all && !waiting_.empty()) {
        std::string lines = std::exchange(waiting_, {});
        lock.unlock();
        if (lines.size() >= most_waiting) changed_.notify_all();
        const std::size_t written = write_some(lines, wait);
        lock.lock();
        all = written == lines.size();
        if (!all) waiting_.insert(0, lines, written);
    }
    writing_ = false;
    changed_.notify_all();
    return all;
}

std::size_t ReportWriter::write_some(std::string_view bytes, Wait wait) const {
    const std::size_t size = bytes.size();
    while (!bytes.empty()) {
        const ssize_t count = send_or_write(fd_, bytes, wait == Wait::yes);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN && wait == Wait::no) break;
        if (count < 0) _exit(exit_ok);
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return size - bytes.size();
}

bool ReportWriter::finish(const Deadline& deadline) {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, deadline.at(), [this] { return !writing_ && waiting_.empty(); });
}

}  // namespace vitals::prober
