// Hashes of names that servers send, so that what is kept of thousands of servers is small. 64 bits: among the rows of
// one group two names do not meet by chance, and a server that makes them meet spoils its own numbers only.
#pragma once

#include <cstdint>
#include <string_view>

namespace vitals::prober {

class TextHash {
  public:
    // The length goes in too: "a" and "bc" differ from "ab" and "c".
    TextHash& add(std::string_view text) noexcept {
        add_bytes(text);
        return add(static_cast<std::uint64_t>(text.size()));
    }
    // Letters A to Z count as a to z.
    TextHash& add_ignoring_case(std::string_view text) noexcept {
        for (const char c : text)
            mix(static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
        return add(static_cast<std::uint64_t>(text.size()));
    }
    TextHash& add(std::uint64_t number) noexcept {
        for (int byte = 0; byte < 8; ++byte)
            mix(static_cast<unsigned char>(number >> (8U * static_cast<unsigned>(byte))));
        return *this;
    }
    [[nodiscard]] std::uint64_t value() const noexcept { return hash_; }

  private:
    void add_bytes(std::string_view text) noexcept {
        for (const char c : text)
            mix(static_cast<unsigned char>(c));
    }
    // FNV-1a.
    void mix(unsigned char byte) noexcept { hash_ = (hash_ ^ byte) * 1'099'511'628'211U; }

    std::uint64_t hash_ = 14'695'981'039'346'656'037U;
};

}  // namespace vitals::prober
