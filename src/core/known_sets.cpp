#include "core/known_sets.h"

#include <sodium.h>

#include <algorithm>
#include <charconv>

namespace vitals::core {

namespace {

// As many as storage keeps (vitals.may_remember_sets); beyond it they are learned anew.
constexpr std::size_t most_known = 50'000;

// With its length, so that no two lists of names are the same bytes.
void update(crypto_generichash_state& state, const std::string& text) {
    const std::uint64_t size = text.size();
    std::array<unsigned char, sizeof size> bytes{};
    std::memcpy(bytes.data(), &size, sizeof size);
    crypto_generichash_update(&state, bytes.data(), bytes.size());
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

}  // namespace

SetHash hash_of_names(const std::vector<const Value*>& values) {
    SetHash hash{};
    crypto_generichash_state state;
    crypto_generichash_init(&state, nullptr, 0, hash.size());
    for (const auto* value : values) {
        update(state, value->metric);
        update(state, value->instance);
    }
    crypto_generichash_final(&state, hash.data(), hash.size());
    return hash;
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

void KnownSets::forget(const std::vector<SetHash>& hashes) {
    for (const auto& hash : hashes)
        hashes_.erase(hash);
}

}  // namespace vitals::core
