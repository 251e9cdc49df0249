#include "prober/report_writer.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "prober/exit_code.h"

namespace vitals::prober {

namespace {

core::Result too_long(const core::Result& result) {
    core::Result replacement;
    replacement.job = result.job;
    replacement.duration_ms = result.duration_ms;
    replacement.failure = core::Failure{core::ErrorClass::internal, 0, "the result is longer than the protocol allows"};
    return replacement;
}

}  // namespace

void ReportWriter::write(const core::Hello& hello) {
    write_line(core::encode(hello));
}

void ReportWriter::write(const core::Result& result) {
    std::string line = core::encode(result);
    if (line.size() > core::max_result_line) line = core::encode(too_long(result));
    write_line(std::move(line));
}

void ReportWriter::write_line(std::string line) {
    line.push_back('\n');
    const std::lock_guard lock(mutex_);
    for (std::size_t written = 0; written < line.size();) {
        const ssize_t count = ::write(fd_, line.data() + written, line.size() - written);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) _exit(exit_ok);
        written += static_cast<std::size_t>(count);
    }
}

}  // namespace vitals::prober
