// The lines that arrive on a file descriptor. They carry passwords: what was read is wiped as soon as it is handed on.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "core/line_buffer.h"

namespace vitals::prober {

class JobStream {
  public:
    // fd stays the caller's.
    explicit JobStream(int fd);
    ~JobStream();
    JobStream(const JobStream&) = delete;
    JobStream& operator=(const JobStream&) = delete;

    // Reads once what is there; false at the end of the stream or when it is broken.
    bool read_more();
    // The next complete line, which the caller wipes; at the end of the stream also one that lacks its newline.
    // Throws core::WireError for a line over the limit: what follows it cannot be told apart any more.
    std::optional<std::string> next_line();

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] bool ended() const noexcept { return ended_; }

  private:
    int fd_;
    bool ended_ = false;
    core::LineBuffer lines_;
    std::array<char, std::size_t{64} * 1024> bytes_{};
};

}  // namespace vitals::prober
