#include "core/known_sets.h"

#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

namespace vitals::core {

namespace {

// As many sets and parts as storage keeps (vitals.may_remember_sets); beyond it they are learned anew.
constexpr std::size_t most_known = 150'000;

class Hasher {
  public:
    Hasher() { crypto_generichash_init(&state_, nullptr, 0, std::tuple_size_v<SetHash>); }
    void add(std::uint64_t number) {
        std::array<unsigned char, sizeof number> bytes{};
        std::memcpy(bytes.data(), &number, sizeof number);
        crypto_generichash_update(&state_, bytes.data(), bytes.size());
    }
    // With its length, so that no two lists of names are the same bytes.
    void add(const std::string& text) {
        add(text.size());
        crypto_generichash_update(&state_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    }
    void add(const SetHash& hash) { crypto_generichash_update(&state_, hash.data(), hash.size()); }
    SetHash finish() {
        SetHash hash{};
        crypto_generichash_final(&state_, hash.data(), hash.size());
        return hash;
    }

  private:
    crypto_generichash_state state_{};
};

// Of a metric with these values, which stand in the order of their instances.
std::string_view part_of_metric(const Names& values, std::size_t first, std::size_t end) {
    if (values[end - 1]->instance.empty()) return {};
    const std::string_view metric = values[first]->metric;
    return metric.substr(0, metric.find('_'));
}

}  // namespace

std::vector<Names> parts_of(const std::vector<Value>& values) {
    Names ordered;
    ordered.reserve(values.size());
    for (const auto& value : values)
        ordered.push_back(&value);
    std::stable_sort(ordered.begin(), ordered.end(), [](const Value* a, const Value* b) {
        return std::tie(a->metric, a->instance) < std::tie(b->metric, b->instance);
    });
    std::map<std::string_view, Names> by_name;
    for (std::size_t first = 0, end = 0; first < ordered.size(); first = end) {
        while (end < ordered.size() && ordered[end]->metric == ordered[first]->metric)
            ++end;
        Names& part = by_name[part_of_metric(ordered, first, end)];
        part.insert(part.end(), ordered.begin() + static_cast<std::ptrdiff_t>(first),
                    ordered.begin() + static_cast<std::ptrdiff_t>(end));
    }
    std::vector<Names> parts;
    parts.reserve(by_name.size());
    for (auto& [name, part] : by_name)
        parts.push_back(std::move(part));
    return parts;
}

SetHash hash_of_names(const Names& values) {
    Hasher hasher;
    for (const auto* value : values) {
        hasher.add(value->metric);
        hasher.add(value->instance);
    }
    return hasher.finish();
}

SetHash hash_of_parts(const std::vector<SetHash>& parts) {
    Hasher hasher;
    // No text has this length.
    hasher.add(std::numeric_limits<std::uint64_t>::max());
    for (const auto& part : parts)
        hasher.add(part);
    return hasher.finish();
}

std::string to_text(const SetHash& hash) {
    constexpr const char* digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * hash.size());
    for (const auto byte : hash) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

std::optional<SetHash> set_hash_from_text(std::string_view text) {
    SetHash hash{};
    if (text.size() != 2 * hash.size()) return std::nullopt;
    for (std::size_t i = 0; i < hash.size(); ++i) {
        const char* digits = text.data() + 2 * i;
        if (std::from_chars(digits, digits + 2, hash[i], 16).ptr != digits + 2) return std::nullopt;
    }
    return hash;
}

void KnownSets::add(std::string_view list) {
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(','), list.size());
        if (const auto hash = set_hash_from_text(list.substr(0, end))) {
            if (hashes_.size() >= most_known) hashes_.clear();
            hashes_.insert(*hash);
        }
        list.remove_prefix(std::min(end + 1, list.size()));
    }
}

}  // namespace vitals::core
