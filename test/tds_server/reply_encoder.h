// Turns the engine's reply into the token stream of a batch or of a procedure call, with the DONE tokens that SQL
// Server would put between its parts.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tds_server/engine.h"
#include "tds_server/login_record.h"

namespace tds_server {

struct ReplyFrame {
    TdsVersion version = TdsVersion::v7_4;
    std::string_view server_name;
    bool remote_call = false;      // RPC: ends with a return status and DONEPROC
    std::string_view handle_name;  // of the output parameter of sp_prepare and sp_prepexec
    std::int32_t handle = 0;       // 0: none to tell
};

// A reply in the pieces between which the server takes its time.
struct EncodedReply {
    struct Piece {
        std::chrono::milliseconds pause{0};  // before it
        std::string tokens;
    };
    std::vector<Piece> pieces;

    EncodedReply() = default;
    EncodedReply(std::string tokens) { pieces.push_back({{}, std::move(tokens)}); }  // NOLINT: a reply without pauses
    std::string text() const;
};

// An error right after a result set belongs to its statement: the DONE of that result set tells it, as when a SELECT
// fails on its way. A value that does not fit its column becomes error 8115.
EncodedReply encode_reply(const Reply& reply, const ReplyFrame& frame);

}  // namespace tds_server
