// One simulated SQL Server: its listening socket, its engine, its fault, its sessions and what it counts.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>

#include "tds_server/certificates.h"
#include "tds_server/conversation.h"
#include "tds_server/fault.h"
#include "tds_server/fixture_engine.h"
#include "tds_server/prelogin.h"

namespace tds_server {

class Session;

// What all servers of a process have in common.
struct FarmSettings {
    Account account;
    TlsMode tls = TlsMode::login_only;
    CertificateKind certificate = CertificateKind::right;
};

struct ServerStats {
    std::uint64_t connects = 0;
    std::uint64_t logins = 0;
    std::uint64_t failed_logins = 0;
    std::uint64_t batches = 0;
    std::uint64_t plain_text_batches = 0;  // came without encryption
    std::uint64_t plain_text_logins = 0;   // a password came without encryption
    std::uint64_t protocol_errors = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
    std::string last_application;
    std::string last_login;
    std::string last_protocol_error;
    std::uint64_t probes = 0;  // connections that ended after PRELOGIN
    std::string last_database;
    bool read_only_intent = false;  // ApplicationIntent of the last login
    std::size_t last_packet_size = 0;
    std::string last_auth_scheme;  // SQL, NTLM, KERBEROS
    std::string last_service;      // the name that a Kerberos ticket was for
};

class SimulatedServer {
  public:
    SimulatedServer(asio::io_context& context, const FarmSettings& settings, CertificateAuthority& authority,
                    std::string name, std::uint32_t seed, std::unique_ptr<FixtureEngine> engine);

    // Port 0 takes a free one. Throws std::system_error.
    void open(const asio::ip::tcp::endpoint& endpoint);
    const asio::ip::tcp::endpoint& endpoint() const noexcept { return endpoint_; }

    void set_fault(const Fault& fault);
    void set_latency(std::chrono::milliseconds latency) noexcept { latency_ = latency; }
    void drop_sessions();
    // What sessions have prepared is gone, and they go on.
    void forget_prepared();
    std::size_t prepared_count() const;

    const Fault& fault() const noexcept { return fault_; }
    std::chrono::milliseconds latency() const noexcept { return latency_; }
    const FarmSettings& settings() const noexcept { return settings_; }
    const std::string& name() const noexcept { return name_; }
    FixtureEngine& engine() noexcept { return *engine_; }
    ServerStats& stats() noexcept { return stats_; }
    std::size_t open_connections() const noexcept { return sessions_.size(); }
    // strict: for TDS 8, where TLS comes first.
    TlsContext tls_context(bool strict = false);
    std::string random_bytes(std::size_t count);

    void session_ended(std::uint16_t spid);

  private:
    void bind(const asio::ip::tcp::endpoint& endpoint);
    void listen();
    void accept();
    void accepted(std::error_code error, asio::ip::tcp::socket socket);
    std::uint16_t free_spid();

    const FarmSettings& settings_;
    CertificateAuthority& authority_;
    std::string name_;
    std::unique_ptr<FixtureEngine> engine_;
    asio::ip::tcp::acceptor acceptor_;
    std::optional<asio::steady_timer> accept_again_;
    asio::ip::tcp::endpoint endpoint_;
    Fault fault_;
    std::chrono::milliseconds latency_{0};
    ServerStats stats_;
    std::mt19937 random_;
    std::uint16_t last_spid_ = 0;
    std::unordered_map<std::uint16_t, std::weak_ptr<Session>> sessions_;
};

}  // namespace tds_server
