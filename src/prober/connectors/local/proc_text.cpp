#include "prober/connectors/local/proc_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/text_rules.h"

namespace vitals::prober {

namespace {

// Ten thousand mounts of containers take 3 MB.
constexpr std::size_t max_file = 8 * 1024 * 1024;
constexpr std::size_t max_name = 255;

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }

  private:
    int fd_;
};

bool is_utf8(std::string_view text) {
    try {
        return !nlohmann::json(text).dump().empty();
    } catch (const nlohmann::json::exception&) {
        return false;
    }
}

}  // namespace

ProcFile read_proc_file(const std::string& path) {
    ProcFile file;
    // Without waiting: a FIFO in the place of a file must not hold the thread.
    const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (descriptor.get() < 0) return {"", errno};
    std::array<char, 65536> part{};
    for (;;) {
        const ssize_t size = ::read(descriptor.get(), part.data(), part.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return {"", errno};
        if (size == 0) return file;
        file.text.append(part.data(), static_cast<std::size_t>(size));
        if (file.text.size() > max_file) return {"", EFBIG};
    }
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t size = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, size));
        text.remove_prefix(std::min(size + 1, text.size()));
    }
    return lines;
}

std::vector<std::string_view> words_of(std::string_view line) {
    constexpr std::string_view blanks = " \t";
    std::vector<std::string_view> words;
    std::size_t begin = line.find_first_not_of(blanks);
    while (begin != std::string_view::npos) {
        const std::size_t end = std::min(line.find_first_of(blanks, begin), line.size());
        words.push_back(line.substr(begin, end - begin));
        begin = line.find_first_not_of(blanks, end);
    }
    return words;
}

std::optional<std::int64_t> count_of(std::string_view word) {
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), count);
    if (error != std::errc() || end != word.data() + word.size() || count < 0) return std::nullopt;
    return count;
}

std::optional<double> decimal_of(std::string_view word) {
    double value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, std::chars_format::fixed);
    if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
    if (!std::isfinite(value) || std::signbit(value)) return std::nullopt;
    return value;
}

bool is_plain_name(std::string_view name) {
    return !name.empty() && name.size() <= max_name && std::none_of(name.begin(), name.end(), core::is_control) &&
           is_utf8(name);
}

}  // namespace vitals::prober
