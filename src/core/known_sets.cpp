#include "core/known_sets.h"

#include <sodium.h>

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

void KnownSets::add(const std::vector<SetHash>& hashes) {
    if (hashes_.size() + hashes.size() > most_known) hashes_.clear();
    hashes_.insert(hashes.begin(), hashes.end());
}

}  // namespace vitals::core
