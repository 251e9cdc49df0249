// Turns the engine's reply into the token stream of a batch or of a procedure call, with the DONE tokens that SQL
// Server would put between its parts.
#pragma once

#include <string>
#include <string_view>

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

// An error right after a result set belongs to its statement: the DONE of that result set tells it, as when a SELECT
// fails on its way. A value that does not fit its column becomes error 8115.
std::string encode_reply(const Reply& reply, const ReplyFrame& frame);

}  // namespace tds_server
