// A stream cut into reads of any size gives the same lines, and fails at the same line, as the stream in one piece.
#include <fuzzer/FuzzedDataProvider.h>

#include <string>
#include <vector>

#include "core/line_buffer.h"
#include "core/wire.h"
#include "property.h"

namespace {

struct Lines {
    std::vector<std::string> lines;
    bool too_long = false;
    std::size_t pending = 0;
    bool operator==(const Lines&) const = default;
};

// The obvious way, over the whole stream.
Lines split(const std::string& stream, std::size_t limit) {
    Lines result;
    std::size_t begin = 0;
    for (;;) {
        const std::size_t end = stream.find('\n', begin);
        const std::size_t size = (end == std::string::npos ? stream.size() : end) - begin;
        if (size > limit) {
            result.too_long = true;
            return result;
        }
        if (end == std::string::npos) {
            result.pending = size;
            return result;
        }
        result.lines.push_back(stream.substr(begin, size));
        begin = end + 1;
    }
}

bool take_lines(vitals::core::LineBuffer& buffer, Lines& result) {
    try {
        while (auto line = buffer.next())
            result.lines.push_back(std::move(*line));
        return true;
    } catch (const vitals::core::WireError&) {
        result.too_long = true;
        return false;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    const auto limit = input.ConsumeIntegralInRange<std::size_t>(0, 64);
    vitals::core::LineBuffer buffer(limit);
    Lines found;
    std::string stream;
    while (input.remaining_bytes() > 0 && !found.too_long) {
        const std::string part = input.ConsumeRandomLengthString(40);
        stream += part;
        buffer.append(part);
        if (!take_lines(buffer, found)) break;
        found.pending = buffer.pending();
    }
    if (found.too_long) found.pending = 0;
    vitals::fuzz::require(found == split(stream, limit), "cutting a stream changes nothing");
    return 0;
}
