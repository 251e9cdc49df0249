#include "prober/job_stream.h"

#include <string.h>
#include <unistd.h>

#include <cerrno>

#include "core/wire.h"

namespace vitals::prober {

JobStream::JobStream(int fd) : fd_(fd), lines_(core::max_job_line) {}

JobStream::~JobStream() {
    explicit_bzero(bytes_.data(), bytes_.size());
}

bool JobStream::read_more() {
    const ssize_t count = read(fd_, bytes_.data(), bytes_.size());
    if (count > 0) {
        lines_.append({bytes_.data(), static_cast<std::size_t>(count)});
        explicit_bzero(bytes_.data(), static_cast<std::size_t>(count));
        return true;
    }
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    ended_ = true;
    if (lines_.pending() > 0) lines_.append("\n");
    return false;
}

std::optional<std::string> JobStream::next_line() {
    return lines_.next();
}

}  // namespace vitals::prober
