// The writing side of a connection: sends in order, at the pace and with the ending that a fault asks for.
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

namespace tds_server {

enum class Pace { full, drip };
enum class Ending {
    none,
    close,  // FIN
    reset,  // RST
    hold    // stays open, but nothing more is sent
};

struct Portion {
    std::string bytes;
    Pace pace = Pace::full;
    Ending ending = Ending::none;
};

class Transmitter {
  public:
    struct Callbacks {
        std::function<std::shared_ptr<void>()> keep_alive;  // called for every operation that is under way
        std::function<void()> drained;                      // everything is sent
        std::function<void()> ended;                        // failed, or ended as asked
    };

    Transmitter(asio::ip::tcp::socket& socket, std::uint64_t& bytes_sent, Callbacks callbacks);

    void send(Portion portion);
    // Ready for more. Never again after the end.
    bool idle() const noexcept { return queue_.empty() && !held_; }
    void stop() noexcept;

  private:
    void write_next();
    void written(std::error_code error, std::size_t count);
    void portion_sent();
    void pause();

    asio::ip::tcp::socket& socket_;
    std::uint64_t& bytes_sent_;
    Callbacks callbacks_;
    std::deque<Portion> queue_;
    std::size_t sent_ = 0;
    bool held_ = false;
    std::optional<asio::steady_timer> timer_;
};

}  // namespace tds_server
