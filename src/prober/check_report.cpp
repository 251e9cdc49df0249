#include "prober/check_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "core/text_rules.h"

namespace vitals::prober {

namespace {

// What a server says goes to a terminal: its escape sequences must not.
std::string printable(std::string_view text) {
    std::string clean(text);
    std::replace_if(clean.begin(), clean.end(), core::is_control, ' ');
    return clean;
}

std::size_t widest_name(const core::Result& result) {
    std::size_t width = 0;
    for (const core::Check& check : result.checks)
        width = std::max(width, check.check.size());
    return width;
}

}  // namespace

std::string describe_checks(const core::Result& result) {
    std::string text;
    const auto out = std::back_inserter(text);
    const std::size_t width = widest_name(result);
    for (const core::Check& check : result.checks) {
        fmt::format_to(out, "{:<6}  {:<{}}  {}\n", check.ok ? "ok" : "FAILED", printable(check.check), width,
                       printable(check.detail));
        if (!check.remedy.empty()) fmt::format_to(out, "{:8}remedy: {}\n", "", printable(check.remedy));
    }
    if (result.failure) {
        const core::Failure& failure = *result.failure;
        fmt::format_to(out, "\nFailed with class {}: {}", core::to_text(failure.error_class),
                       printable(failure.message));
        if (failure.number != 0) fmt::format_to(out, " (error {})", failure.number);
        text.push_back('\n');
    } else {
        fmt::format_to(out, "\nAll is well, after {:.0f} ms.\n", result.duration_ms);
    }
    return text;
}

bool all_passed(const core::Result& result) {
    return !result.failure &&
           std::all_of(result.checks.begin(), result.checks.end(), [](const core::Check& check) { return check.ok; });
}

}  // namespace vitals::prober
