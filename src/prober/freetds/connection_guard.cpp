#include "prober/freetds/connection_guard.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace vitals::prober {

namespace {

constexpr std::size_t max_opening = 64;
// Two of each group that may not be read, in one batch.
constexpr std::size_t max_kept_messages = 400;
constexpr std::size_t max_message_text = 1024;
// A batch of ours provokes a handful at most; a server that sends more keeps us busy on purpose.
constexpr std::size_t max_messages = 1000;
constexpr int information = 10;
// [MS-TDS] 2.2.3.1.1: the type of every packet of a server. A handshake may travel in PRELOGIN packets, but not first.
constexpr std::byte server_packet{0x04};

// FreeTDS calls poll(), send(), getaddrinfo() and its handlers without any handle of ours: the thread is all we know.
constinit thread_local GuardScope* active_scope = nullptr;

}  // namespace

ConnectionGuard::ConnectionGuard(bool tls_only, std::shared_ptr<const TrustList> trust,
                                 ConnectSurroundings surroundings)
    : tls_only_(tls_only), trust_(std::move(trust)), surroundings_(std::move(surroundings)) {}

bool ConnectionGuard::may_send(std::span<const std::byte> bytes) {
    if (!tls_only_) return true;
    OutgoingFilter ahead = filter_;
    if (ahead.take(bytes)) return true;
    seen.cut_off = CutOff::plain_text;
    return false;
}

void ConnectionGuard::was_sent(std::span<const std::byte> bytes) {
    seen.sent = true;
    traffic_ += bytes.size();
    if (tls_only_ && !filter_.take(bytes)) seen.cut_off = CutOff::plain_text;
}

void ConnectionGuard::was_received(std::span<const std::byte> bytes) {
    traffic_ += bytes.size();
    if (seen.opening.empty() && bytes.front() != server_packet) seen.cut_off = CutOff::foreign;
    const std::size_t wanted = std::min(bytes.size(), max_opening - seen.opening.size());
    for (const std::byte byte : bytes.first(wanted))
        seen.opening.push_back(static_cast<char>(byte));
}

void ConnectionGuard::note_message(int number, int severity, std::string_view text) {
    if (++message_count_ > max_messages) seen.cut_off = CutOff::too_many_messages;
    if (severity <= information || seen.messages.size() >= max_kept_messages) return;
    seen.messages.push_back({number, severity, std::string(text.substr(0, max_message_text)), 0});
}

void ConnectionGuard::note_error(int number, int os_error) {
    if (seen.errors.size() < max_kept_messages) seen.errors.push_back({number, os_error});
}

void ConnectionGuard::begin_exchange() {
    seen.messages.clear();
    seen.errors.clear();
    message_count_ = 0;
}

GuardScope::GuardScope(ConnectionGuard& guard, const Deadline& deadline, std::size_t max_bytes)
    : guard_(guard), deadline_(deadline), bytes_left_(max_bytes) {
    if (active_scope != nullptr) throw std::logic_error("guard scopes do not nest");
    active_scope = this;
}

GuardScope::~GuardScope() {
    guard_.socket.rest();
    active_scope = nullptr;
}

GuardScope* GuardScope::active() noexcept {
    return active_scope;
}

bool GuardScope::cut_off() noexcept {
    if (guard_.seen.cut_off == CutOff::none && deadline_.passed()) guard_.seen.cut_off = CutOff::deadline;
    return guard_.seen.cut_off != CutOff::none;
}

void GuardScope::received(std::span<const std::byte> bytes) {
    guard_.was_received(bytes);
    if (bytes.size() > bytes_left_) guard_.seen.cut_off = CutOff::too_many_bytes;
    bytes_left_ -= std::min(bytes.size(), bytes_left_);
}

}  // namespace vitals::prober
