// One connection: bytes, TLS and faults around a Conversation.
#pragma once

#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tds_server/conversation.h"
#include "tds_server/prelogin.h"
#include "tds_server/reply_source.h"
#include "tds_server/tds_packet.h"
#include "tds_server/tls_layer.h"
#include "tds_server/transmitter.h"

namespace tds_server {

class SimulatedServer;

class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(asio::ip::tcp::socket socket, SimulatedServer& server, std::uint16_t spid);

    void start();
    // Ends the connection; reset sends RST, as when the process behind the socket dies.
    void close(bool reset);
    void forget_prepared() noexcept { conversation_.forget_prepared(); }
    std::size_t prepared_count() const noexcept { return conversation_.client().prepared.size(); }

  private:
    enum class Stage { first, handshake, strict_handshake, login, integrated, ready };

    Transmitter::Callbacks transmitter_callbacks();
    void read_some();
    void received(std::string_view bytes);
    bool answered_by_fault();
    void received_plain(std::string_view bytes);
    void received_tls(std::string_view bytes);
    void answer_messages(PacketReader& reader);

    void on_message(const ClientMessage& message);
    void on_prelogin(const ClientMessage& message);
    void on_handshake(std::string_view records);
    void on_login(const ClientMessage& message);
    void on_integrated(const ClientMessage& message);
    void answer_login(const Conversation::LoginReply& reply);
    void start_strict(std::string_view records);
    bool reads_tls() const noexcept;
    void on_request(const ClientMessage& message);
    void on_attention();

    void send_message(std::string_view tokens, Ending ending = Ending::none);
    void send_wire(std::string bytes, Ending ending = Ending::none, bool batch_reply = false);
    std::string encode(std::string bytes);
    void start_request(const ClientMessage& message);
    void send_half(const std::string& tokens, Ending ending);
    void stream(std::unique_ptr<ReplySource> source);
    void pump();
    void after(std::chrono::milliseconds delay, std::function<void()> action);
    std::chrono::milliseconds latency() const;
    void finish();

    asio::ip::tcp::socket socket_;
    SimulatedServer& server_;
    std::uint16_t spid_;
    std::array<char, 4096> buffer_{};
    Conversation conversation_;
    Transmitter transmitter_;
    PacketReader plain_reader_;
    PacketReader tls_reader_;
    Stage stage_ = Stage::first;
    std::unique_ptr<TlsLayer> tls_;
    bool tls_for_everything_ = false;
    bool strict_ = false;
    bool open_ = true;

    struct Stream {
        std::unique_ptr<ReplySource> source;
        PacketWriter packets;
        bool waited = false;  // for the piece that is next
    };
    bool stream_paused_ = false;
    std::optional<Stream> stream_;
    std::optional<asio::steady_timer> delay_;
    bool delayed_request_ = false;
};

}  // namespace tds_server
