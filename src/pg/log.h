// Lines in the server's log, from C++ code.
#pragma once

#include <string_view>

namespace vitals::pg {

enum class LogLevel { debug, log, warning };

// One log entry; detail and hint may be empty. Never throws: a log that cannot be written must not stop the collector.
void write_log(LogLevel level, std::string_view message, std::string_view detail = {},
               std::string_view hint = {}) noexcept;

}  // namespace vitals::pg
