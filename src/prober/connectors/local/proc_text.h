// Reads and splits the small text files of /proc. They are written by the kernel, but also by what stands in for it in
// a container, so nothing about them is taken for granted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vitals::prober {

// A file that could not be read has an errno instead of a text; one that is larger than any file we read gives EFBIG.
struct ProcFile {
    std::string text;
    int error = 0;
};
ProcFile read_proc_file(const std::string& path);

// Without their newlines; what follows the last newline counts as a line when it is not empty.
std::vector<std::string_view> lines_of(std::string_view text);

// Split at blanks and tabs.
std::vector<std::string_view> words_of(std::string_view line);

// A whole word. Nothing for anything else, for numbers that do not fit, and for negative ones: no counter or reading
// here has any.
std::optional<std::int64_t> count_of(std::string_view word);
std::optional<double> decimal_of(std::string_view word);

// True when a name can be stored as it is: short, UTF-8, no control characters. Two different names that the line
// protocol would have to repair could become the same one.
bool is_plain_name(std::string_view name);

}  // namespace vitals::prober
