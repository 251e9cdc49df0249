// Hashes of names that servers send, so that what is kept of thousands of servers is small. 64 bits: among the rows of
// one group two names do not meet by chance, and a server that makes them meet spoils its own numbers only.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/stable_hash.h"

namespace vitals::prober {

class TextHash {
  public:
    // The length goes in too: "a" and "bc" differ from "ab" and "c".
    TextHash& add(std::string_view text) noexcept {
        hash_.add(text);
        return add(static_cast<std::uint64_t>(text.size()));
    }
    // Letters A to Z count as a to z.
    TextHash& add_ignoring_case(std::string_view text) noexcept {
        for (const char c : text)
            hash_.add(static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
        return add(static_cast<std::uint64_t>(text.size()));
    }
    TextHash& add(std::uint64_t number) noexcept {
        for (int byte = 0; byte < 8; ++byte)
            hash_.add(static_cast<unsigned char>(number >> (8U * static_cast<unsigned>(byte))));
        return *this;
    }
    [[nodiscard]] std::uint64_t value() const noexcept { return hash_.value(); }

  private:
    core::StableHash hash_;
};

}  // namespace vitals::prober
