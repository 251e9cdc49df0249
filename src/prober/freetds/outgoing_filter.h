// Decides for every byte that FreeTDS wants to send whether it may leave in the clear, because FreeTDS does not: with
// "encryption = require" it still goes on in plain text when the server (or someone in between) answers "login only" in
// PRELOGIN. Once TLS is demanded, only the PRELOGIN exchange (which carries the handshake) and TLS records may be sent.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace vitals::prober {

// Follows the framing of one connection from its first byte. Value type: a copy answers "what if".
class OutgoingFilter {
  public:
    // Takes the next bytes of the stream. False when they hold, or are part of, anything but PRELOGIN packets followed
    // by TLS records; the stream is then unusable.
    [[nodiscard]] bool take(std::span<const std::byte> bytes);

    // True once application data has been sent as TLS records.
    [[nodiscard]] bool encrypted() const noexcept { return encrypted_; }

  private:
    bool start_frame(std::byte type);
    void finish_header();

    std::array<std::byte, 8> header_{};
    std::size_t header_size_ = 0;  // bytes of the header of the current frame; 0 between frames
    std::size_t header_seen_ = 0;
    std::size_t body_left_ = 0;
    bool encrypted_ = false;
};

}  // namespace vitals::prober
