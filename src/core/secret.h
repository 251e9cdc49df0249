// A password on its way through a process. It is wiped when it goes out of scope and cannot be copied or printed by
// accident, so that clear text lives no longer than the one job it was opened for.
#pragma once

#include <cstring>

#include <string>
#include <string_view>
#include <utility>

namespace vitals::core {

class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string_view text) : text_(text) {}
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    Secret(Secret&& other) noexcept { take(other); }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            wipe();
            take(other);
        }
        return *this;
    }
    ~Secret() { wipe(); }

    [[nodiscard]] std::string_view reveal() const noexcept { return text_; }
    [[nodiscard]] const char* reveal_c_str() const noexcept { return text_.c_str(); }
    [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

  private:
    // A moved-from short string keeps its bytes in place, hence swap and wipe instead of the default move.
    void take(Secret& other) noexcept {
        text_ = other.text_;
        other.wipe();
    }
    void wipe() noexcept {
        explicit_bzero(text_.data(), text_.capacity());
        text_.clear();
    }

    std::string text_;
};

// Bytes that wait to be sent, passwords among them. Wherever they stood, they are wiped: when they are sent, when the
// buffer grows and moves, and at its end.
class SecretBuffer {
  public:
    SecretBuffer() = default;
    SecretBuffer(const SecretBuffer&) = delete;
    SecretBuffer& operator=(const SecretBuffer&) = delete;
    ~SecretBuffer() { explicit_bzero(bytes_.data(), bytes_.capacity()); }

    void append(std::string_view more) {
        if (bytes_.size() + more.size() > bytes_.capacity()) move_to_larger(more.size());
        bytes_.append(more);
    }
    // Forgets the first bytes. What is left moves to the front only when the buffer is empty or grows.
    void drop(std::size_t count) noexcept {
        explicit_bzero(bytes_.data() + dropped_, count);
        dropped_ += count;
        if (dropped_ < bytes_.size()) return;
        bytes_.clear();
        dropped_ = 0;
    }
    [[nodiscard]] std::string_view view() const noexcept { return std::string_view(bytes_).substr(dropped_); }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() - dropped_; }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  private:
    void move_to_larger(std::size_t more) {
        std::string larger;
        larger.reserve((size() + more) * 2);
        larger.append(view());
        explicit_bzero(bytes_.data(), bytes_.capacity());
        bytes_.swap(larger);
        dropped_ = 0;
    }

    std::string bytes_;
    std::size_t dropped_ = 0;
};

// Wipes any other string that held a secret for a moment, such as a job line after it was parsed or sent.
inline void wipe_text(std::string& text) noexcept {
    explicit_bzero(text.data(), text.capacity());
    text.clear();
}

}  // namespace vitals::core
