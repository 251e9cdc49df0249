// Writes the prober's lines. Threads share it: a line is written whole or not at all. One of them writes, also what the
// others add meanwhile, so that they go on with their next polls. A peer that does not read blocks them once a megabyte
// waits, which bounds what is held in memory; a peer that is gone ends the process, which then has nobody to work for.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

#include "core/wire.h"
#include "prober/deadline.h"
#include "prober/report_sink.h"

namespace vitals::prober {

class ReportWriter final : public ReportSink {
  public:
    // fd: a blocking socket, pipe or file, which stays the caller's. Only a socket can be tried.
    explicit ReportWriter(int fd);

    void write(const core::Hello& hello);
    void add(const core::Result& result) override;
    bool try_write() override { return write_waiting(Wait::no); }
    void write() override { write_waiting(Wait::yes); }
    // Waits until all of it is written. False: the deadline has passed.
    bool finish(const Deadline& deadline);

  private:
    enum class Wait { no, yes };

    void add_line(std::string line);
    bool write_waiting(Wait wait);
    // How many bytes the peer took.
    [[nodiscard]] std::size_t write_some(std::string_view bytes, Wait wait) const;

    int fd_;
    bool is_socket_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string waiting_;   // whole lines, but for the first, of which a part may be written
    bool writing_ = false;  // by a thread, which takes along what is waiting
};

}  // namespace vitals::prober
