// The SQL Server Browser: tells in UDP on which TCP port a named instance listens [MS-SQLR].
#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tds_server {

struct BrowserEntry {
    std::string server;
    std::string instance;
    std::string version;
    std::uint16_t port = 0;
};

// The answer to a datagram; nothing for one that a Browser does not answer.
std::optional<std::string> answer_browser_question(std::string_view question, const std::vector<BrowserEntry>& entries);

enum class BrowserMood { answers, silent, garbage, wrong_instance };
std::optional<BrowserMood> browser_mood_from_text(std::string_view text);

class SqlBrowser {
  public:
    // Throws std::system_error.
    SqlBrowser(asio::io_context& context, const asio::ip::udp::endpoint& endpoint,
               std::function<std::vector<BrowserEntry>()> entries);

    std::uint16_t port() const { return socket_.local_endpoint().port(); }
    void set_mood(BrowserMood mood) noexcept { mood_ = mood; }
    std::uint64_t questions() const noexcept { return questions_; }

  private:
    void receive();
    void answer(std::string_view question);

    asio::ip::udp::socket socket_;
    asio::ip::udp::endpoint client_;
    std::array<char, 1024> buffer_{};
    std::function<std::vector<BrowserEntry>()> entries_;
    BrowserMood mood_ = BrowserMood::answers;
    std::uint64_t questions_ = 0;
};

}  // namespace tds_server
