// Reads the first bytes that a server sent: FreeTDS does not tell what was in its PRELOGIN answer, and that decides
// between "no encryption offered", "not a SQL Server" and everything else.
#pragma once

#include <string>
#include <string_view>

namespace vitals::prober {

// What a PRELOGIN answer says under ENCRYPTION ([MS-TDS] 2.2.6.5).
enum class OfferedEncryption {
    unknown,     // no such answer, or it is cut
    login_only,  // ENCRYPT_OFF
    on,          // ENCRYPT_ON
    none,        // ENCRYPT_NOT_SUP
    required,    // ENCRYPT_REQ
};

OfferedEncryption offered_encryption(std::string_view opening) noexcept;

// A PRELOGIN packet that asks for nothing in particular.
std::string prelogin_question();

// True when the bytes begin like an answer of a SQL Server: a packet of type 4.
bool looks_like_tds(std::string_view opening) noexcept;

}  // namespace vitals::prober
