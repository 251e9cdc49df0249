#include "tds_server/session.h"

#include <algorithm>
#include <array>
#include <asio/error.hpp>
#include <exception>
#include <utility>

#include "tds_server/byte_reader.h"
#include "tds_server/fault.h"
#include "tds_server/server_errors.h"
#include "tds_server/simulated_server.h"
#include "tds_server/text_encoding.h"
#include "tds_server/token_writer.h"

namespace tds_server {

namespace {

constexpr std::size_t garbage_size = 4096;
constexpr char unknown_token = 0x42;
constexpr std::string_view http_answer =
    "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 24\r\n"
    "Connection: close\r\n\r\n<h1>400 Bad Request</h1>";

bool concerns_prepared(std::string_view batch) {
    static const std::array<std::string, 2> names{utf8_to_utf16le("EXEC sp_prepare "),
                                                  utf8_to_utf16le("EXEC sp_execute ")};
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return batch.find(name) != std::string_view::npos; });
}

int forced_login_error(const Fault& fault) {
    const auto number = static_cast<int>(fault.amount);
    if (fault.is(FaultKind::login_error)) return number;
    return fault.is(FaultKind::error) && is_login_error(number) ? number : 0;
}

}  // namespace

Session::Session(asio::ip::tcp::socket socket, SimulatedServer& server, std::uint16_t spid)
    : socket_(std::move(socket)),
      server_(server),
      spid_(spid),
      conversation_(server.engine(), server.settings().account, server.name(), spid),
      transmitter_(socket_, server.stats().bytes_sent, transmitter_callbacks()) {}

Transmitter::Callbacks Session::transmitter_callbacks() {
    return {[this] { return shared_from_this(); }, [this] { pump(); }, [this] { finish(); }};
}

void Session::start() {
    std::error_code ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    const auto client = socket_.remote_endpoint(ignored);
    constexpr std::size_t challenge_size = 8;
    conversation_.set_ends(client.address().to_string(), server_.endpoint().port(),
                           server_.random_bytes(challenge_size));
    read_some();
}

void Session::close(bool reset) {
    std::error_code ignored;
    if (reset) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    finish();
}

void Session::finish() {
    if (!std::exchange(open_, false)) return;
    if (stage_ == Stage::login || stage_ == Stage::handshake) ++server_.stats().probes;
    transmitter_.stop();
    delay_.reset();
    std::error_code ignored;
    socket_.close(ignored);
    server_.session_ended(spid_);
}

void Session::read_some() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [this, self = shared_from_this()](std::error_code error, std::size_t count) {
                                if (!open_) return;
                                if (error) return finish();
                                server_.stats().bytes_received += count;
                                try {
                                    received(std::string_view(buffer_.data(), count));
                                } catch (const std::exception& failure) {
                                    ++server_.stats().protocol_errors;
                                    server_.stats().last_protocol_error = failure.what();
                                    finish();
                                }
                                if (open_) read_some();
                            });
}

void Session::received(std::string_view bytes) {
    if (answered_by_fault()) return;
    constexpr char tls_handshake_record = 0x16;
    if (stage_ == Stage::first && !tls_ && bytes.front() == tls_handshake_record) return start_strict(bytes);
    if (reads_tls())
        received_tls(bytes);
    else
        received_plain(bytes);
}

// Whether the bytes of the client are TLS records, and not packets that hold some.
bool Session::reads_tls() const noexcept {
    return tls_ && stage_ != Stage::handshake;
}

// TDS 8: the connection is TLS from its first byte.
void Session::start_strict(std::string_view records) {
    if (server_.settings().tls == TlsMode::off) throw ProtocolError("TLS from the start, and there is no certificate");
    strict_ = true;
    tls_ = std::make_unique<TlsLayer>(server_.tls_context(true));
    tls_for_everything_ = true;
    stage_ = Stage::strict_handshake;
    received_tls(records);
}

// The faults that never look at what the client says.
bool Session::answered_by_fault() {
    switch (server_.fault().kind) {
        case FaultKind::silent:
            return true;
        case FaultKind::garbage:
            transmitter_.send({server_.random_bytes(garbage_size)});
            return true;
        case FaultKind::http:
            transmitter_.send({std::string(http_answer), Pace::full, Ending::close});
            return true;
        default:
            return false;
    }
}

void Session::received_plain(std::string_view bytes) {
    plain_reader_.feed(bytes);
    answer_messages(plain_reader_);
    if (open_ && reads_tls()) received_tls(plain_reader_.take_rest());
}

void Session::received_tls(std::string_view bytes) {
    if (bytes.empty()) return;
    tls_->receive(bytes);
    if (stage_ == Stage::strict_handshake) {
        std::string flight = tls_->take_output();
        if (!flight.empty()) send_wire(std::move(flight));
        if (!tls_->established()) return;
        stage_ = Stage::first;
    }
    tls_reader_.feed(tls_->read());
    answer_messages(tls_reader_);
}

void Session::answer_messages(PacketReader& reader) {
    const bool encrypted = &reader == &tls_reader_;
    // The login may end the encryption, and the handshake begin it: what follows is then not for this reader.
    while (open_ && encrypted == reads_tls()) {
        const auto message = reader.next();
        if (!message) return;
        on_message(*message);
    }
}

void Session::on_message(const ClientMessage& message) {
    if (message.type == PacketType::attention) return on_attention();
    switch (stage_) {
        case Stage::first:
            return message.type == PacketType::prelogin ? on_prelogin(message) : on_login(message);
        case Stage::handshake:
            return on_handshake(message.payload);
        case Stage::strict_handshake:
            return;
        case Stage::integrated:
            return on_integrated(message);
        case Stage::login:
            return on_login(message);
        case Stage::ready:
            return on_request(message);
    }
}

void Session::on_prelogin(const ClientMessage& message) {
    if (server_.fault().is(FaultKind::plain_prelogin_drop)) return finish();
    if (strict_) {
        stage_ = Stage::login;
        send_wire(
            encode(message_packets(PacketType::reply, prelogin_reply(Encryption::required), default_packet_size, 0)));
        return;
    }
    if (server_.settings().tls == TlsMode::strict) return finish();
    const bool downgrade = server_.fault().is(FaultKind::encrypt_downgrade);
    const auto answer = answer_encryption(server_.settings().tls, parse_prelogin(message.payload), downgrade);
    if (answer.handshake) tls_ = std::make_unique<TlsLayer>(server_.tls_context());
    tls_for_everything_ = answer.everything;
    stage_ = answer.handshake ? Stage::handshake : Stage::login;
    const std::string reply = prelogin_reply(answer.offered);
    send_wire(message_packets(PacketType::reply, reply, default_packet_size, 0),
              answer.refused ? Ending::close : Ending::none);
}

void Session::on_handshake(std::string_view records) {
    tls_->receive(records);
    const std::string flight = tls_->take_output();
    if (!flight.empty()) send_wire(message_packets(PacketType::prelogin, flight, default_packet_size, 0));
    if (tls_->established()) stage_ = Stage::login;
}

void Session::on_login(const ClientMessage& message) {
    ServerStats& stats = server_.stats();
    const bool encrypted = tls_ != nullptr;
    if (!encrypted) ++stats.plain_text_logins;
    if (message.type != PacketType::login7) throw ProtocolError("a message that is no login before the login");
    // Login-only encryption ends here, before the reply.
    if (encrypted && !tls_for_everything_) tls_.reset();
    const bool whole_session = tls_ != nullptr;
    if (!encrypted && server_.settings().tls == TlsMode::require) throw ProtocolError("a login without encryption");
    answer_login(conversation_.log_in(message.payload, whole_session, forced_login_error(server_.fault())));
}

void Session::on_integrated(const ClientMessage& message) {
    if (message.type != PacketType::sspi) throw ProtocolError("a login was not finished");
    answer_login(conversation_.continue_login(message.payload));
}

void Session::answer_login(const Conversation::LoginReply& reply) {
    ServerStats& stats = server_.stats();
    stats.last_application = conversation_.client().app_name;
    stats.last_login = conversation_.client().login;
    stats.last_database = conversation_.client().database;
    stats.last_auth_scheme = conversation_.client().auth_scheme;
    stats.last_service = conversation_.service();
    stats.read_only_intent = conversation_.login().read_only_intent;
    stats.last_packet_size = conversation_.login().packet_size;
    if (reply.goes_on) {
        stage_ = Stage::integrated;
        after(latency(), [this, tokens = reply.tokens] {
            send_wire(encode(message_packets(PacketType::reply, tokens, default_packet_size, spid_)));
        });
        return;
    }
    ++(reply.accepted ? stats.logins : stats.failed_logins);
    stage_ = Stage::ready;
    const Ending ending = reply.accepted ? Ending::none : Ending::close;
    const std::string wire = message_packets(PacketType::reply, reply.tokens, default_packet_size, spid_);
    const bool slow = server_.fault().is(FaultKind::slow_login);
    after(latency() + std::chrono::milliseconds(slow ? server_.fault().amount : 0),
          [this, wire, ending] { send_wire(encode(wire), ending); });
}

void Session::on_request(const ClientMessage& message) {
    if (stream_ || delayed_request_) throw ProtocolError("a request before the end of the reply to the last one");
    ServerStats& stats = server_.stats();
    if (message.type != PacketType::transaction) {
        ++stats.batches;
        if (!tls_) ++stats.plain_text_batches;
    }
    if (server_.fault().is(FaultKind::silent_after_login)) return;
    delayed_request_ = true;
    after(latency(), [this, message] {
        if (std::exchange(delayed_request_, false)) start_request(message);
    });
}

void Session::start_request(const ClientMessage& message) {
    const Fault& fault = server_.fault();
    const TdsVersion version = conversation_.version();
    switch (fault.kind) {
        case FaultKind::stall:
            return send_half(conversation_.answer(message).text(), Ending::hold);
        case FaultKind::cut:
            return send_half(conversation_.answer(message).text(), Ending::close);
        case FaultKind::reset:
            return send_half(conversation_.answer(message).text(), Ending::reset);
        case FaultKind::prepared_reset:
            if (!concerns_prepared(message.payload)) break;
            return close(true);
        case FaultKind::huge_row:
            return stream(huge_row(version, fault.amount));
        case FaultKind::endless_rows:
            return stream(endless_rows(version));
        case FaultKind::message_storm:
            return stream(message_storm(version, fault.amount, conversation_.answer(message).text()));
        case FaultKind::wrong_token:
            return stream(fixed_reply(unknown_token + conversation_.answer(message).text()));
        case FaultKind::error:
            if (is_login_error(static_cast<int>(fault.amount))) break;
            return stream(fixed_reply(conversation_.error_reply(static_cast<int>(fault.amount))));
        default:
            break;
    }
    stream(paced_reply(conversation_.answer(message)));
}

// SQL Server first ends the reply under way, then acknowledges in a message of its own.
void Session::on_attention() {
    if (stage_ != Stage::ready || server_.fault().is(FaultKind::silent_after_login)) return;
    if (std::exchange(delayed_request_, false)) {
        delay_.reset();
        send_message(conversation_.done_reply(done_final));
    } else if (stream_) {
        std::string wire =
            stream_->packets.append(stream_->source->close_token() + conversation_.done_reply(done_final));
        wire += stream_->packets.finish();
        stream_.reset();
        if (std::exchange(stream_paused_, false)) delay_.reset();
        send_wire(encode(std::move(wire)), Ending::none, true);
    }
    send_message(conversation_.done_reply(done_attention));
}

std::string Session::encode(std::string bytes) {
    if (!tls_) return bytes;
    tls_->write(bytes);
    return tls_->take_output();
}

void Session::send_message(std::string_view tokens, Ending ending) {
    send_wire(encode(message_packets(PacketType::reply, tokens, conversation_.packet_size(), spid_)), ending, true);
}

void Session::send_wire(std::string bytes, Ending ending, bool batch_reply) {
    const Fault& fault = server_.fault();
    const bool drip = fault.is(FaultKind::drip) || (batch_reply && fault.is(FaultKind::drip_reply));
    transmitter_.send({std::move(bytes), drip ? Pace::drip : Pace::full, ending});
}

void Session::send_half(const std::string& tokens, Ending ending) {
    std::string wire = encode(message_packets(PacketType::reply, tokens, conversation_.packet_size(), spid_));
    wire.resize(wire.size() / 2);
    send_wire(std::move(wire), ending, true);
}

void Session::stream(std::unique_ptr<ReplySource> source) {
    stream_.emplace(
        Stream{std::move(source), PacketWriter(PacketType::reply, conversation_.packet_size(), spid_), false});
    if (transmitter_.idle()) pump();
}

void Session::pump() {
    while (stream_ && !stream_paused_ && transmitter_.idle()) {
        if (const auto pause = stream_->source->pause(); pause.count() > 0 && !std::exchange(stream_->waited, true)) {
            stream_paused_ = true;
            after(pause, [this] {
                stream_paused_ = false;
                pump();
            });
            return;
        }
        stream_->waited = false;
        const auto tokens = stream_->source->next();
        std::string packets = tokens ? stream_->packets.append(*tokens) : stream_->packets.finish();
        if (!tokens) stream_.reset();
        if (!packets.empty()) send_wire(encode(std::move(packets)), Ending::none, true);
    }
}

std::chrono::milliseconds Session::latency() const {
    const Fault& fault = server_.fault();
    return server_.latency() + std::chrono::milliseconds(fault.is(FaultKind::latency) ? fault.amount : 0);
}

void Session::after(std::chrono::milliseconds delay, std::function<void()> action) {
    if (delay.count() == 0) return action();
    delay_.emplace(socket_.get_executor(), delay);
    delay_->async_wait([this, self = shared_from_this(), action = std::move(action)](std::error_code error) {
        if (error || !open_) return;
        try {
            action();
        } catch (const std::exception& failure) {
            ++server_.stats().protocol_errors;
            server_.stats().last_protocol_error = failure.what();
            finish();
        }
    });
}

}  // namespace tds_server
