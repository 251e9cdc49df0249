// The options of the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tds_server/certificates.h"
#include "tds_server/conversation.h"
#include "tds_server/fault.h"
#include "tds_server/fixture_engine.h"
#include "tds_server/prelogin.h"

namespace tds_server {

struct CommandLine {
    std::size_t servers = 1;
    std::uint16_t port = 0;
    std::string bind = "127.0.0.1";
    bool loopback_addresses = false;
    Account account;
    TlsMode tls = TlsMode::login_only;
    CertificateKind certificate = CertificateKind::right;
    std::string ca_out;
    std::string fixture;
    Replay replay = Replay::live;
    ServerProfile profile;
    std::uint32_t tick_ms = 0;
    std::vector<std::pair<std::optional<std::size_t>, Fault>> faults;  // for one server or for all
    std::uint32_t latency_ms = 0;
    std::uint32_t seed = 0;
    std::optional<std::uint16_t> control_port = 0;
    std::optional<std::uint16_t> browser_port;
    std::vector<std::string> instances;  // of the first, second, ... server; the others are default instances
    bool exit_with_parent = false;
};

// Nothing: the program is to end with exit_code (help, or an error that is printed already).
std::optional<CommandLine> parse_command_line(int argc, char** argv, int& exit_code);

}  // namespace tds_server
