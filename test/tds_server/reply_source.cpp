#include "tds_server/reply_source.h"

#include <algorithm>
#include <utility>

#include "tds_server/token_writer.h"
#include "tds_server/type_codec.h"

namespace tds_server {

namespace {

constexpr std::size_t chunk_size = 65'536;
constexpr std::uint8_t token_row = 0xD1;

std::vector<Column> one_column(std::string name, ColumnType type) {
    return {Column{std::move(name), type}};
}

class FixedReply : public ReplySource {
  public:
    explicit FixedReply(std::string tokens) : tokens_(std::move(tokens)) {}
    std::optional<std::string> next() override { return std::exchange(tokens_, std::nullopt); }

  private:
    std::optional<std::string> tokens_;
};

class PacedReply : public ReplySource {
  public:
    explicit PacedReply(EncodedReply reply) : reply_(std::move(reply)) {}
    std::optional<std::string> next() override {
        if (at_ == reply_.pieces.size()) return std::nullopt;
        return std::move(reply_.pieces[at_++].tokens);
    }
    std::chrono::milliseconds pause() const override {
        return at_ < reply_.pieces.size() ? reply_.pieces[at_].pause : std::chrono::milliseconds(0);
    }

  private:
    EncodedReply reply_;
    std::size_t at_ = 0;
};

class HugeRow : public ReplySource {
  public:
    HugeRow(TdsVersion version, std::int64_t megabytes)
        : writer_(version), chunked_(version >= TdsVersion::v7_2), left_(static_cast<std::uint64_t>(megabytes) << 20) {}

    std::optional<std::string> next() override {
        switch (state_) {
            case State::head:
                head();
                break;
            case State::value:
                value();
                break;
            case State::tail:
                writer_.raw(terminator());
                writer_.done(DoneToken::done, done_count, 1);
                state_ = State::end;
                break;
            case State::end:
                return std::nullopt;
        }
        return writer_.take();
    }

    std::string close_token() override {
        return state_ == State::value || state_ == State::tail ? terminator() : std::string();
    }

  private:
    enum class State { head, value, tail, end };

    void head() {
        const ColumnType type{SqlType::nvarchar_max};
        writer_.columns(one_column("huge", type));
        ByteWriter row;
        row.u8(token_row);
        if (chunked_) {
            row.u64(left_);
        } else {
            // ntext: a text pointer, a timestamp, the length.
            row.u8(16);
            row.fill(24, 'p');
            row.u32(left_);
        }
        writer_.raw(row.take());
        state_ = left_ == 0 ? State::tail : State::value;
    }

    void value() {
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, chunk_size));
        ByteWriter chunk;
        if (chunked_) chunk.u32(size);
        for (std::size_t i = 0; i < size; i += 2)
            chunk.u16('x');
        writer_.raw(chunk.take());
        left_ -= size;
        if (left_ == 0) state_ = State::tail;
    }

    std::string terminator() const { return chunked_ ? std::string(4, '\0') : std::string(); }

    TokenWriter writer_;
    bool chunked_;
    std::uint64_t left_;
    State state_ = State::head;
};

class EndlessRows : public ReplySource {
  public:
    explicit EndlessRows(TdsVersion version)
        : writer_(version), columns_(one_column("endless", {SqlType::bigint, 0, 0, 0, false})) {
        writer_.columns(columns_);
    }

    std::optional<std::string> next() override {
        while (writer_.size() < chunk_size)
            writer_.row(columns_, Row{++number_});
        return writer_.take();
    }

  private:
    TokenWriter writer_;
    std::vector<Column> columns_;
    std::int64_t number_ = 0;
};

class MessageStorm : public ReplySource {
  public:
    MessageStorm(TdsVersion version, std::int64_t messages, std::string tokens)
        : writer_(version), left_(messages), tokens_(std::move(tokens)) {}

    std::optional<std::string> next() override {
        if (left_ == 0) return std::exchange(tokens_, std::nullopt);
        for (; left_ > 0 && writer_.size() < chunk_size; --left_)
            writer_.message({50'000, 0, 1, "One message of a storm, number " + std::to_string(left_)}, "storm");
        return writer_.take();
    }

  private:
    TokenWriter writer_;
    std::int64_t left_;
    std::optional<std::string> tokens_;
};

}  // namespace

std::unique_ptr<ReplySource> fixed_reply(std::string tokens) {
    return std::make_unique<FixedReply>(std::move(tokens));
}

std::unique_ptr<ReplySource> paced_reply(EncodedReply reply) {
    return std::make_unique<PacedReply>(std::move(reply));
}

std::unique_ptr<ReplySource> huge_row(TdsVersion version, std::int64_t megabytes) {
    return std::make_unique<HugeRow>(version, megabytes);
}

std::unique_ptr<ReplySource> endless_rows(TdsVersion version) {
    return std::make_unique<EndlessRows>(version);
}

std::unique_ptr<ReplySource> message_storm(TdsVersion version, std::int64_t messages, std::string tokens) {
    return std::make_unique<MessageStorm>(version, messages, std::move(tokens));
}

}  // namespace tds_server
