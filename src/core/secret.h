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

// Wipes any other string that held a secret for a moment, such as a job line after it was parsed or sent.
inline void wipe_text(std::string& text) noexcept {
    explicit_bzero(text.data(), text.capacity());
    text.clear();
}

}  // namespace vitals::core
