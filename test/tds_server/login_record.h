// LOGIN7: who logs in, with which TDS version and packet size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tds_server {

// In the order of the protocol, so that versions compare.
enum class TdsVersion { v7_1, v7_2, v7_3a, v7_3b, v7_4 };

struct LoginRecord {
    TdsVersion version = TdsVersion::v7_4;
    std::size_t packet_size = 0;
    std::string host_name;
    std::string user;
    std::string password;
    std::string app_name;
    std::string database;
    std::vector<std::uint8_t> features;
    bool asks_features = false;
    bool integrated = false;        // Windows authentication
    bool read_only_intent = false;  // ApplicationIntent=ReadOnly
    std::string server_name;        // as the client knows the server
    std::string integrated_token;   // the first message of NTLM or Kerberos
};

// Throws ProtocolError.
LoginRecord parse_login(std::string_view payload);

// As LOGINACK has it.
std::uint32_t version_code(TdsVersion version) noexcept;

}  // namespace tds_server
