#include "core/line_buffer.h"

#include <string.h>

#include "core/wire.h"

namespace vitals::core {

void LineBuffer::append(std::string_view bytes) {
    if (start_ > 0) {
        buffer_.erase(0, start_);
        scanned_ -= start_;
        start_ = 0;
    }
    buffer_.append(bytes);
}

std::optional<std::string> LineBuffer::next() {
    const auto newline = buffer_.find('\n', scanned_);
    const auto end = newline == std::string::npos ? buffer_.size() : newline;
    if (end - start_ > max_line_) throw WireError("line exceeds the limit");
    scanned_ = end;
    if (newline == std::string::npos) return std::nullopt;

    std::string line = buffer_.substr(start_, newline - start_);
    // Lines may carry passwords: what was handed on does not stay.
    explicit_bzero(buffer_.data() + start_, line.size());
    start_ = scanned_ = newline + 1;
    return line;
}

}  // namespace vitals::core
