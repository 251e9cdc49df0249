#include "tds_server/reply_encoder.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "tds_server/token_writer.h"
#include "tds_server/value_text.h"

namespace tds_server {

namespace {

constexpr int first_error_level = 11;
constexpr int error_overflow = 8115;
constexpr int user_error_level = 16;

class ReplyEncoder {
  public:
    explicit ReplyEncoder(const ReplyFrame& frame) : frame_(frame), writer_(frame.version) {}

    EncodedReply encode(const Reply& reply) {
        for (auto part = reply.begin(); part != reply.end(); ++part) {
            const bool in_procedure = std::any_of(part, reply.end(), is_status) || frame_.remote_call;
            ending_ = in_procedure ? DoneToken::done_in_proc : DoneToken::done;
            std::visit([this](const auto& content) { add(content); }, *part);
        }
        finish();
        cut();
        return std::move(encoded_);
    }

  private:
    struct PendingDone {
        DoneToken token = DoneToken::done;
        std::uint16_t status = 0;
        std::uint64_t rows = 0;
        bool may_fail = false;
    };

    static bool is_status(const ReplyPart& part) { return std::holds_alternative<ReturnStatus>(part); }

    void add(const ResultSet& set) {
        write_pending(true);
        pending_ = PendingDone{ending_, done_count, set.rows.size(), true};
        writer_.columns(set.columns);
        try {
            for (const Row& row : set.rows)
                writer_.row(set.columns, row);
        } catch (const ValueError& error) {
            add(ServerMessage{error_overflow, user_error_level, 1, error.what()});
        }
    }

    // The rows are the same for everybody; the DONE behind them depends on what follows.
    void add(const SharedResultPtr& shared) {
        write_pending(true);
        std::string& tokens = shared->encoded[static_cast<int>(frame_.version)];
        if (tokens.empty()) {
            TokenWriter once(frame_.version);
            once.columns(shared->set.columns);
            try {
                for (const Row& row : shared->set.rows)
                    once.row(shared->set.columns, row);
            } catch (const ValueError&) {
                return add(shared->set);
            }
            tokens = once.take();
        }
        pending_ = PendingDone{ending_, done_count, shared->set.rows.size(), true};
        writer_.raw(tokens);
    }

    // What is encoded already goes out before the pause, with the end of its statement.
    void add(const Pause& pause) {
        write_pending(true);
        cut();
        pause_ = pause.time;
    }

    void cut() { encoded_.pieces.push_back({std::exchange(pause_, std::chrono::milliseconds(0)), writer_.take()}); }

    void add(const ServerMessage& message) {
        const bool error = message.level >= first_error_level;
        if (!error || !pending_ || !pending_->may_fail) write_pending(true);
        writer_.message(message, frame_.server_name);
        if (!error) return;
        first_error_ = first_error_.value_or(message.number);
        pending_ = PendingDone{ending_, done_error, 0, true};
    }

    void add(const ReturnStatus& status) {
        write_pending(true);
        if (frame_.remote_call) {
            status_ = status.value;
            return;
        }
        writer_.return_status(status.value);
        pending_ = PendingDone{DoneToken::done_proc, done_final, 0, false};
    }

    void finish() {
        const std::uint16_t outcome = first_error_ ? done_error : done_final;
        if (frame_.remote_call) {
            write_pending(true);
            writer_.return_status(first_error_.value_or(status_));
            if (frame_.handle != 0) writer_.return_value(frame_.handle_name, frame_.handle);
            pending_ = PendingDone{DoneToken::done_proc, outcome, 0, false};
        }
        if (!pending_) pending_ = PendingDone{};
        pending_->status = static_cast<std::uint16_t>(pending_->status | outcome);
        write_pending(false);
    }

    void write_pending(bool more) {
        if (!pending_) return;
        const auto status = static_cast<std::uint16_t>(pending_->status | (more ? done_more : done_final));
        writer_.done(pending_->token, status, pending_->rows);
        pending_.reset();
    }

    const ReplyFrame& frame_;
    TokenWriter writer_;
    DoneToken ending_ = DoneToken::done;
    std::optional<PendingDone> pending_;
    std::optional<int> first_error_;
    std::int32_t status_ = 0;
    EncodedReply encoded_;
    std::chrono::milliseconds pause_{0};
};

}  // namespace

std::string EncodedReply::text() const {
    std::string all;
    for (const Piece& piece : pieces)
        all += piece.tokens;
    return all;
}

EncodedReply encode_reply(const Reply& reply, const ReplyFrame& frame) {
    return ReplyEncoder(frame).encode(reply);
}

}  // namespace tds_server
