// Writes the prober's lines. Threads share it: a line is written whole or not at all. A peer that does not read blocks
// the writers, which bounds what is held in memory; a peer that is gone ends the process, which then has nobody to
// work for.
#pragma once

#include <mutex>
#include <string>

#include "core/wire.h"

namespace vitals::prober {

class ReportWriter {
  public:
    // fd: a blocking socket, pipe or file, which stays the caller's.
    explicit ReportWriter(int fd) : fd_(fd) {}

    void write(const core::Hello& hello);
    void write(const core::Result& result);

  private:
    void write_line(std::string line);

    int fd_;
    std::mutex mutex_;
};

}  // namespace vitals::prober
