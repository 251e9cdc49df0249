// Replies as streams of tokens: some faults send more than memory holds, or never end.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tds_server/login_record.h"
#include "tds_server/reply_encoder.h"

namespace tds_server {

class ReplySource {
  public:
    ReplySource() = default;
    ReplySource(const ReplySource&) = delete;
    ReplySource& operator=(const ReplySource&) = delete;
    virtual ~ReplySource() = default;

    // The next tokens; nothing at the end of the reply.
    virtual std::optional<std::string> next() = 0;
    // Completes the token that next() has left open, when an attention stops the reply.
    virtual std::string close_token() { return {}; }
    // How long the server takes before the next tokens.
    virtual std::chrono::milliseconds pause() const { return std::chrono::milliseconds(0); }
};

std::unique_ptr<ReplySource> fixed_reply(std::string tokens);
std::unique_ptr<ReplySource> paced_reply(EncodedReply reply);
std::unique_ptr<ReplySource> huge_row(TdsVersion version, std::int64_t megabytes);
std::unique_ptr<ReplySource> endless_rows(TdsVersion version);
// Information messages, then the tokens.
std::unique_ptr<ReplySource> message_storm(TdsVersion version, std::int64_t messages, std::string tokens);

}  // namespace tds_server
