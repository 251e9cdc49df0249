#include "tds_server/value_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdlib>

namespace tds_server {

namespace {

constexpr int most_decimal_digits = 38;
constexpr int hundred_ns_digits = 7;

[[noreturn]] void not_a(std::string_view kind, std::string_view text) {
    throw ValueError(fmt::format("\"{}\" is not a {}", text, kind));
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool append_hex_pair(std::string& bytes, char high, char low) {
    if (hex_digit(high) < 0 || hex_digit(low) < 0) return false;
    bytes.push_back(static_cast<char>(hex_digit(high) * 16 + hex_digit(low)));
    return true;
}

class Scanner {
  public:
    Scanner(std::string_view text, std::string_view kind) : text_(text), rest_(text), kind_(kind) {}

    int number(std::size_t digits) {
        if (rest_.size() < digits) fail();
        int value = 0;
        const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + digits, value);
        if (error != std::errc{} || end != rest_.data() + digits || value < 0) fail();
        rest_.remove_prefix(digits);
        return value;
    }
    bool accept(char c) {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    void expect(char c) {
        if (!accept(c)) fail();
    }
    bool digit_follows() const { return !rest_.empty() && is_digit(rest_.front()); }
    bool at_end() const { return rest_.empty(); }
    std::string_view rest() const { return rest_; }
    [[noreturn]] void fail() const { not_a(kind_, text_); }

  private:
    std::string_view text_;
    std::string_view rest_;
    std::string_view kind_;
};

std::int32_t scan_date(Scanner& scanner) {
    const int year = scanner.number(4);
    scanner.expect('-');
    const int month = scanner.number(2);
    scanner.expect('-');
    const int day = scanner.number(2);
    using namespace std::chrono;
    const year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                              std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok() || year < 1) scanner.fail();
    const sys_days first{std::chrono::year{1} / January / 1};
    return static_cast<std::int32_t>((sys_days{date} - first).count());
}

std::int64_t scan_time(Scanner& scanner) {
    const int hours = scanner.number(2);
    scanner.expect(':');
    const int minutes = scanner.number(2);
    int seconds = 0;
    if (scanner.accept(':')) seconds = scanner.number(2);
    if (hours > 23 || minutes > 59 || seconds > 59) scanner.fail();
    std::int64_t fraction = 0;
    if (scanner.accept('.')) {
        int digits = 0;
        for (; scanner.digit_follows(); ++digits) {
            const int digit = scanner.number(1);
            if (digits < hundred_ns_digits) fraction = fraction * 10 + digit;
        }
        for (; digits < hundred_ns_digits; ++digits)
            fraction *= 10;
    }
    return (hours * 3600LL + minutes * 60LL + seconds) * hundred_ns_per_second + fraction;
}

std::int32_t scan_offset(Scanner& scanner) {
    if (scanner.accept('Z') || scanner.at_end()) return 0;
    const bool west = scanner.accept('-');
    if (!west) scanner.expect('+');
    const int hours = scanner.number(2);
    scanner.expect(':');
    const int minutes = hours * 60 + scanner.number(2);
    return west ? -minutes : minutes;
}

}  // namespace

ScaledNumber parse_decimal(std::string_view text, int scale) {
    Scanner scanner(text, "number");
    ScaledNumber number;
    number.negative = scanner.accept('-');
    if (!number.negative) scanner.accept('+');
    int digits = 0;
    int after_point = 0;
    bool point = false;
    bool round_up = false;
    while (!scanner.at_end()) {
        if (!point && scanner.accept('.')) {
            point = true;
            continue;
        }
        const int digit = scanner.number(1);
        if (point && after_point >= scale) {
            if (after_point++ == scale) round_up = digit >= 5;
            continue;
        }
        if (point) ++after_point;
        number.magnitude = number.magnitude * 10 + static_cast<unsigned>(digit);
        if (number.magnitude != 0 && ++digits > most_decimal_digits) scanner.fail();
    }
    if (text.find_first_of("0123456789") == std::string_view::npos) scanner.fail();
    for (; after_point < scale; ++after_point) {
        if (number.magnitude != 0 && ++digits > most_decimal_digits) scanner.fail();
        number.magnitude *= 10;
    }
    if (round_up) number.magnitude += 1;
    return number;
}

Moment parse_moment(std::string_view text) {
    Scanner scanner(text, "date or time");
    Moment moment;
    moment.days = days_until_1900;
    const bool has_date = text.size() >= 5 && text[4] == '-';
    if (has_date) moment.days = scan_date(scanner);
    if (scanner.at_end()) return moment;
    if (has_date && !scanner.accept('T')) scanner.expect(' ');
    moment.hundred_ns = scan_time(scanner);
    scanner.accept(' ');
    moment.offset_minutes = scan_offset(scanner);
    if (!scanner.at_end()) scanner.fail();
    return moment;
}

std::array<unsigned char, 16> parse_guid(std::string_view text) {
    constexpr std::array<std::size_t, 16> stored_order{{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}};
    std::string digits(text);
    digits.erase(std::remove(digits.begin(), digits.end(), '-'), digits.end());
    if (text.size() != 36 || digits.size() != 32) not_a("uniqueidentifier", text);
    std::string bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2)
        if (!append_hex_pair(bytes, digits[i], digits[i + 1])) not_a("uniqueidentifier", text);
    std::array<unsigned char, 16> guid{};
    for (std::size_t i = 0; i < guid.size(); ++i)
        guid.at(i) = static_cast<unsigned char>(bytes[stored_order.at(i)]);
    return guid;
}

std::string parse_hex(std::string_view text) {
    const bool prefixed = text.size() >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    if (!prefixed || text.size() % 2 != 0) not_a("binary value", text);
    std::string bytes;
    for (std::size_t i = 2; i < text.size(); i += 2)
        if (!append_hex_pair(bytes, text[i], text[i + 1])) not_a("binary value", text);
    return bytes;
}

std::string format_moment(const Moment& moment, int scale) {
    using namespace std::chrono;
    const sys_days first{std::chrono::year{1} / January / 1};
    const year_month_day date{first + std::chrono::days{moment.days}};
    const std::int64_t seconds = moment.hundred_ns / hundred_ns_per_second;
    std::string fraction = fmt::format(".{:07}", moment.hundred_ns % hundred_ns_per_second);
    fraction.resize(scale > 0 ? static_cast<std::size_t>(scale) + 1 : 0);
    const int offset = std::abs(moment.offset_minutes);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}{} {}{:02}:{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), seconds / 3600,
                       seconds / 60 % 60, seconds % 60, fraction, moment.offset_minutes < 0 ? '-' : '+', offset / 60,
                       offset % 60);
}

std::string format_hex(std::string_view bytes) {
    std::string text = "0x";
    for (const char byte : bytes)
        text += fmt::format("{:02X}", static_cast<unsigned char>(byte));
    return text;
}

std::string format_guid(std::string_view bytes) {
    if (bytes.size() != 16) not_a("uniqueidentifier", format_hex(bytes));
    constexpr std::array<std::size_t, 16> written_order{{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}};
    std::string text;
    for (std::size_t i = 0; i < written_order.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += fmt::format("{:02X}", static_cast<unsigned char>(bytes[written_order.at(i)]));
    }
    return text;
}

std::string format_decimal(const ScaledNumber& number, int scale) {
    std::string digits;
    for (Magnitude rest = number.magnitude; rest != 0; rest /= 10)
        digits.push_back(static_cast<char>('0' + static_cast<int>(rest % 10)));
    while (digits.size() <= static_cast<std::size_t>(scale))
        digits.push_back('0');
    std::reverse(digits.begin(), digits.end());
    const std::size_t whole = digits.size() - static_cast<std::size_t>(scale);
    return fmt::format("{}{}{}{}", number.negative ? "-" : "", digits.substr(0, whole), scale > 0 ? "." : "",
                       digits.substr(whole));
}

}  // namespace tds_server
