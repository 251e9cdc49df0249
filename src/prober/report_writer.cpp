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

bool is_socket(int fd) {
    int type = 0;
    socklen_t size = sizeof(type);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

}  // namespace

ReportWriter::ReportWriter(int fd) : fd_(fd), is_socket_(is_socket(fd)) {}

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
    if (wait == Wait::no && !is_socket_) return 0;
    const std::size_t size = bytes.size();
    while (!bytes.empty()) {
        const ssize_t count = wait == Wait::yes ? ::write(fd_, bytes.data(), bytes.size())
                                                : send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
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
