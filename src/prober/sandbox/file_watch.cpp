#include "prober/sandbox/file_watch.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace vitals::prober {

namespace {

bool denied(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return errno == EACCES;
    close(fd);
    return false;
}

}  // namespace

FileWatch::FileWatch(std::vector<std::string> paths) {
    for (std::string& path : paths) {
        const bool denied_now = denied(path);
        files_.push_back({std::move(path), denied_now});
    }
}

bool FileWatch::outdated() const {
    return std::any_of(files_.begin(), files_.end(),
                       [](const File& file) { return !file.denied_before && denied(file.path); });
}

}  // namespace vitals::prober
