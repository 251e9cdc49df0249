// Splits a byte stream into lines without ever holding more than one line's limit of unfinished bytes, so that a peer
// that floods or never sends a newline is noticed instead of filling the memory.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace vitals::core {

class LineBuffer {
  public:
    // max_line: the longest accepted line in bytes, without its newline.
    explicit LineBuffer(std::size_t max_line) : max_line_(max_line) {}

    // Adds what was read from the stream. Keep reads small against max_line: the buffer holds them until next() is
    // called.
    void append(std::string_view bytes);

    // The next complete line without its newline, or nothing. Throws WireError once a line exceeds the limit; the
    // stream cannot be trusted after that.
    std::optional<std::string> next();

    // Bytes of an unfinished line, which are lost if the stream ends here.
    [[nodiscard]] std::size_t pending() const noexcept { return buffer_.size() - start_; }

  private:
    std::size_t max_line_;
    std::string buffer_;
    std::size_t start_ = 0;    // first byte not yet returned
    std::size_t scanned_ = 0;  // no newline before this byte: each byte is looked at once
};

}  // namespace vitals::core
