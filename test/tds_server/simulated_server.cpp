#include "tds_server/simulated_server.h"

#include <asio/error.hpp>
#include <utility>
#include <vector>

#include "tds_server/session.h"

namespace tds_server {

namespace {

constexpr std::uint16_t first_spid = 51;  // SQL Server keeps the lower ones for itself
constexpr std::uint16_t last_possible_spid = 32'767;
// Out of file descriptors: trying at once would spin.
constexpr std::chrono::milliseconds accept_pause{100};

}  // namespace

SimulatedServer::SimulatedServer(asio::io_context& context, const FarmSettings& settings,
                                 CertificateAuthority& authority, std::string name, std::uint32_t seed,
                                 std::unique_ptr<FixtureEngine> engine)
    : settings_(settings),
      authority_(authority),
      name_(std::move(name)),
      engine_(std::move(engine)),
      acceptor_(context),
      random_(seed),
      last_spid_(first_spid - 1) {}

void SimulatedServer::open(const asio::ip::tcp::endpoint& endpoint) {
    bind(endpoint);
    endpoint_ = acceptor_.local_endpoint();
    if (!fault_.is(FaultKind::refuse)) listen();
}

void SimulatedServer::bind(const asio::ip::tcp::endpoint& endpoint) {
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(asio::socket_base::reuse_address(true));
    acceptor_.bind(endpoint);
}

void SimulatedServer::listen() {
    acceptor_.listen();
    accept();
}

void SimulatedServer::set_fault(const Fault& fault) {
    const bool refused = fault_.is(FaultKind::refuse);
    const bool refuses = fault.is(FaultKind::refuse);
    fault_ = fault;
    if (refused == refuses || !acceptor_.is_open()) return;
    if (refuses) {
        // Bound without listening: connections are refused, and nobody else gets the port.
        acceptor_.close();
        bind(endpoint_);
        drop_sessions();
    } else {
        listen();
    }
}

void SimulatedServer::drop_sessions() {
    std::vector<std::shared_ptr<Session>> open;
    for (const auto& entry : sessions_)
        if (auto session = entry.second.lock()) open.push_back(std::move(session));
    for (const auto& session : open)
        session->close(true);
}

void SimulatedServer::forget_prepared() {
    for (const auto& entry : sessions_)
        if (const auto session = entry.second.lock()) session->forget_prepared();
}

std::size_t SimulatedServer::prepared_count() const {
    std::size_t count = 0;
    for (const auto& entry : sessions_)
        if (const auto session = entry.second.lock()) count += session->prepared_count();
    return count;
}

void SimulatedServer::accept() {
    acceptor_.async_accept([this](std::error_code error, asio::ip::tcp::socket socket) {
        if (error == asio::error::operation_aborted) return;
        accepted(error, std::move(socket));
    });
}

void SimulatedServer::accepted(std::error_code error, asio::ip::tcp::socket socket) {
    if (error) {
        accept_again_.emplace(acceptor_.get_executor(), accept_pause);
        accept_again_->async_wait([this](std::error_code timer_error) {
            if (!timer_error && !fault_.is(FaultKind::refuse)) accept();
        });
        return;
    }
    ++stats_.connects;
    const std::uint16_t spid = free_spid();
    const auto session = std::make_shared<Session>(std::move(socket), *this, spid);
    sessions_[spid] = session;
    session->start();
    accept();
}

std::uint16_t SimulatedServer::free_spid() {
    do {
        last_spid_ = last_spid_ >= last_possible_spid ? first_spid : static_cast<std::uint16_t>(last_spid_ + 1);
    } while (sessions_.count(last_spid_) != 0);
    return last_spid_;
}

TlsContext SimulatedServer::tls_context(bool strict) {
    return authority_.context(settings_.certificate, endpoint_.address().to_string(), strict);
}

std::string SimulatedServer::random_bytes(std::size_t count) {
    std::uniform_int_distribution<int> byte(0, 255);
    std::string bytes(count, '\0');
    for (char& c : bytes)
        c = static_cast<char>(byte(random_));
    return bytes;
}

void SimulatedServer::session_ended(std::uint16_t spid) {
    sessions_.erase(spid);
}

}  // namespace tds_server
