#include "prober/report_writer.h"

#include <unistd.h>

#include <cerrno>

#include "prober/exit_code.h"

namespace vitals::prober {

void ReportWriter::write(const core::Hello& hello) {
    write_line(core::encode(hello));
}

void ReportWriter::write(const core::Result& result) {
    write_line(core::encode(result));
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
