#include "prober/connectors/mssql/browser_answer.h"

#include <algorithm>
#include <charconv>
#include <cstddef>

namespace vitals::prober {

namespace {

constexpr char unicast_instance_request = 0x04;
constexpr char answer_type = 0x05;
constexpr std::size_t header_size = 3;  // type and size of the text
constexpr std::size_t most_text = 1024;

bool equal_ignoring_case(std::string_view one, std::string_view other) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
    return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                      [&](char a, char b) { return lower(a) == lower(b); });
}

// Takes the text up to the next semicolon.
std::string_view take_token(std::string_view& text) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view token = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return token;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
    return port;
}

}  // namespace

std::string browser_question(std::string_view instance) {
    std::string question(1, unicast_instance_request);
    question.append(instance);
    question.push_back('\0');
    return question;
}

std::optional<std::uint16_t> browser_port(std::string_view answer, std::string_view instance) {
    if (answer.size() < header_size || answer.front() != answer_type) return std::nullopt;
    const auto byte_at = [&](std::size_t at) { return static_cast<unsigned char>(answer[at]); };
    const std::size_t size = byte_at(1) | std::size_t{byte_at(2)} << 8U;
    std::string_view text = answer.substr(header_size);
    if (size != text.size() || size > most_text) return std::nullopt;

    bool named = false;
    std::optional<std::uint16_t> port;
    // Names and values in turn; two semicolons end the description of an instance, and there is to be one only.
    while (!text.empty() && text.front() != ';') {
        const std::string_view name = take_token(text);
        const std::string_view value = take_token(text);
        if (equal_ignoring_case(name, "InstanceName")) {
            if (named || !equal_ignoring_case(value, instance)) return std::nullopt;
            named = true;
        } else if (equal_ignoring_case(name, "tcp")) {
            if (port) return std::nullopt;
            port = parse_port(value);
            if (!port) return std::nullopt;
        }
    }
    return named ? port : std::nullopt;
}

}  // namespace vitals::prober
