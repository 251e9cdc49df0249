// PRELOGIN: what a client asks for before it logs in, and what the server answers about encryption.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tds_server {

enum class Encryption : std::uint8_t { login_only = 0, on = 1, not_supported = 2, required = 3 };

// How a simulated server is set up.
enum class TlsMode {
    off,         // no certificate: no encryption at all
    login_only,  // as SQL Server comes: the client decides, the login is encrypted if it can
    request,     // everything is encrypted with clients that can, others may come in plain text
    require,     // "Force Encryption": clients that cannot are turned away
    strict       // TDS 8: TLS comes first, and others are turned away
};

struct EncryptionAnswer {
    Encryption offered = Encryption::not_supported;
    bool handshake = false;
    bool everything = false;  // TLS goes on after the login
    bool refused = false;     // the client cannot, the server must: the connection ends
};

std::optional<TlsMode> tls_mode_from_text(std::string_view text);

EncryptionAnswer answer_encryption(TlsMode mode, Encryption asked, bool downgrade);

// What the client asks for. Throws ProtocolError.
Encryption parse_prelogin(std::string_view payload);
std::string prelogin_reply(Encryption offered);

}  // namespace tds_server
