// The ways in which a simulated server misbehaves. One at a time per server, changeable while it runs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tds_server {

enum class FaultKind {
    none,
    refuse,              // the listening socket is closed
    silent,              // accepts, never answers
    silent_after_login,  // batches get no answer
    drip,                // one byte a second from the start
    drip_reply,          // answers to batches at one byte a second
    stall,               // half of the answer to a batch, then nothing
    cut,                 // half of the answer, then the end of the connection
    reset,               // half of the answer, then RST
    garbage,             // random bytes
    http,                // a web server
    huge_row,            // a row with one nvarchar(max) of so many MB
    endless_rows,
    message_storm,        // so many information messages before the answer
    wrong_token,          // a token that TDS does not have
    slow_login,           // milliseconds
    latency,              // milliseconds before every answer
    error,                // batches fail with this number; a login error fails the login
    login_error,          // the login fails with this number
    encrypt_downgrade,    // PRELOGIN answers "login only", whatever the server requires
    plain_prelogin_drop,  // hangs up on PRELOGIN, and sees who then sends a password in the clear
    prepared_reset        // RST in answer to a batch that prepares something or executes it
};

struct Fault {
    FaultKind kind = FaultKind::none;
    std::int64_t amount = 0;

    bool is(FaultKind other) const noexcept { return kind == other; }
};

// "cut", "error=229". Throws std::invalid_argument with a text for people.
Fault fault_from_text(std::string_view text);
// All names, for the help text.
std::string fault_names();

}  // namespace tds_server
