// Reads what a SQL Server Browser says about an instance ([MS-SQLR] 2.2.5): a datagram that anybody may have sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vitals::prober {

// The question for the port of one instance.
std::string browser_question(std::string_view instance);

// The TCP port of that instance; nothing if the answer is malformed, about another instance, or names no port.
std::optional<std::uint16_t> browser_port(std::string_view answer, std::string_view instance);

}  // namespace vitals::prober
