#include "core/series_numbers.h"

#include <sodium.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/series_list.h"

namespace vitals::core {

namespace {

// With its length, so that no two lists of names are the same bytes.
void append(std::string& bytes, std::string_view text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
    bytes += text;
}

std::string bytes_of_names(const std::vector<Value>& values) {
    constexpr std::size_t usual_size = 48;
    std::string bytes;
    bytes.reserve(usual_size * values.size());
    for (const auto& value : values) {
        append(bytes, value.metric);
        append(bytes, value.instance);
    }
    return bytes;
}

}  // namespace

SeriesNumbers::SeriesNumbers() {
    static_assert(crypto_shorthash_KEYBYTES == std::tuple_size_v<decltype(key_)>);
    crypto_shorthash_keygen(key_.data());
}

void SeriesNumbers::number(Result& result, const Job& job) const {
    if (result.values.empty()) return;
    const std::string bytes = bytes_of_names(result.values);
    std::array<unsigned char, crypto_shorthash_BYTES> hash{};
    crypto_shorthash(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), key_.data());
    SeriesRef series{.number = 0, .count = result.values.size()};
    static_assert(sizeof(series.number) == sizeof(hash));
    std::memcpy(&series.number, hash.data(), hash.size());
    result.without_names = std::find(job.series.begin(), job.series.end(), series) != job.series.end();
    result.series = series;
    if (result.without_names) result.numbers = numbers_of(result.values);
}

}  // namespace vitals::core
