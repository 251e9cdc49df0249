#include "tds_server/timestamps.h"

#include <charconv>
#include <chrono>

namespace tds_server {

namespace {

constexpr std::int64_t ticks_per_second = 10'000'000;
constexpr std::int64_t seconds_per_day = 86'400;
constexpr int finest_digits = 7;

// Takes numbers and separators off the front of a text.
class Reader {
  public:
    explicit Reader(std::string_view text) : text_(text) {}

    bool number(std::size_t digits, int& value) {
        if (text_.size() < digits) return false;
        const auto [end, error] = std::from_chars(text_.data(), text_.data() + digits, value);
        if (error != std::errc() || end != text_.data() + digits || value < 0) return false;
        text_.remove_prefix(digits);
        return true;
    }
    bool skip(char c) {
        if (text_.empty() || text_.front() != c) return false;
        text_.remove_prefix(1);
        return true;
    }
    // The digits behind the point, as 100 ns.
    bool fraction(std::int64_t& ticks) {
        int digits = 0;
        for (; !text_.empty() && text_.front() >= '0' && text_.front() <= '9'; text_.remove_prefix(1)) {
            if (++digits > finest_digits) continue;
            ticks = ticks * 10 + (text_.front() - '0');
        }
        for (int i = digits; i < finest_digits; ++i)
            ticks *= 10;
        return digits > 0;
    }
    bool done() const { return text_.empty(); }

  private:
    std::string_view text_;
};

bool read_time(Reader& reader, std::int64_t& ticks) {
    int hour = 0;
    int minute = 0;
    int second = 0;
    if (!reader.number(2, hour) || !reader.skip(':') || !reader.number(2, minute)) return false;
    if (reader.skip(':') && !reader.number(2, second)) return false;
    std::int64_t fraction = 0;
    if (reader.skip('.') && !reader.fraction(fraction)) return false;
    ticks = ((hour * 60LL + minute) * 60 + second) * ticks_per_second + fraction;
    return hour < 24 && minute < 60 && second < 60;
}

// With zeros in front. Times are written by the thousand.
void put_number(std::string& text, std::size_t at, std::size_t digits, std::int64_t number) {
    for (std::size_t i = at + digits; i > at; number /= 10)
        text[--i] = static_cast<char>('0' + number % 10);
}

}  // namespace

std::optional<std::int64_t> parse_timestamp(std::string_view text) {
    Reader reader(text);
    int year = 0;
    int month = 0;
    int day = 0;
    if (!reader.number(4, year)) return std::nullopt;
    const bool dashes = reader.skip('-');
    if (!reader.number(2, month) || (dashes && !reader.skip('-')) || !reader.number(2, day)) return std::nullopt;
    std::int64_t time = 0;
    if ((reader.skip('T') || reader.skip(' ')) && !read_time(reader, time)) return std::nullopt;
    reader.skip('Z');
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!reader.done() || !date.ok()) return std::nullopt;
    return std::chrono::sys_days(date).time_since_epoch().count() * seconds_per_day * ticks_per_second + time;
}

std::string format_timestamp(std::int64_t ticks, int digits) {
    std::int64_t unit = 1;
    for (int i = digits; i < finest_digits; ++i)
        unit *= 10;
    const std::chrono::sys_seconds second{std::chrono::floor<std::chrono::seconds>(
        std::chrono::duration<std::int64_t, std::ratio<1, ticks_per_second>>(ticks))};
    const std::int64_t fraction = (ticks - second.time_since_epoch().count() * ticks_per_second) / unit;
    const auto day = std::chrono::floor<std::chrono::days>(second);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{second - day};
    constexpr std::string_view form = "0000-00-00T00:00:00.0000000";
    std::string text(form.substr(0, form.size() - static_cast<std::size_t>(finest_digits - digits)));
    if (digits == 0) text.pop_back();
    put_number(text, 0, 4, static_cast<int>(date.year()));
    put_number(text, 5, 2, static_cast<unsigned>(date.month()));
    put_number(text, 8, 2, static_cast<unsigned>(date.day()));
    put_number(text, 11, 2, time.hours().count());
    put_number(text, 14, 2, time.minutes().count());
    put_number(text, 17, 2, time.seconds().count());
    put_number(text, 20, static_cast<std::size_t>(digits), fraction);
    return text;
}

}  // namespace tds_server
