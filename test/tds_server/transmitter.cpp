#include "tds_server/transmitter.h"

#include <asio/write.hpp>
#include <chrono>
#include <utility>

namespace tds_server {

namespace {

constexpr std::chrono::seconds drip_pause{1};

}  // namespace

Transmitter::Transmitter(asio::ip::tcp::socket& socket, std::uint64_t& bytes_sent, Callbacks callbacks)
    : socket_(socket), bytes_sent_(bytes_sent), callbacks_(std::move(callbacks)) {}

void Transmitter::send(Portion portion) {
    if (held_) return;
    queue_.push_back(std::move(portion));
    if (queue_.size() == 1) write_next();
}

void Transmitter::stop() noexcept {
    held_ = true;
    timer_.reset();
}

void Transmitter::write_next() {
    const Portion& portion = queue_.front();
    const std::size_t left = portion.bytes.size() - sent_;
    const std::size_t count = portion.pace == Pace::drip && left > 1 ? 1 : left;
    asio::async_write(socket_, asio::buffer(portion.bytes.data() + sent_, count),
                      [this, alive = callbacks_.keep_alive()](std::error_code error, std::size_t written_count) {
                          written(error, written_count);
                      });
}

void Transmitter::written(std::error_code error, std::size_t count) {
    bytes_sent_ += count;
    if (held_) return;
    if (error) return callbacks_.ended();
    sent_ += count;
    if (sent_ < queue_.front().bytes.size()) return pause();
    portion_sent();
}

void Transmitter::pause() {
    timer_.emplace(socket_.get_executor(), drip_pause);
    timer_->async_wait([this, alive = callbacks_.keep_alive()](std::error_code error) {
        if (!error && !held_) write_next();
    });
}

void Transmitter::portion_sent() {
    const Ending ending = queue_.front().ending;
    queue_.pop_front();
    sent_ = 0;
    if (ending == Ending::none) {
        if (queue_.empty()) return callbacks_.drained();
        return write_next();
    }
    held_ = true;
    queue_.clear();
    if (ending == Ending::hold) return;
    std::error_code ignored;
    if (ending == Ending::reset) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    callbacks_.ended();
}

}  // namespace tds_server
