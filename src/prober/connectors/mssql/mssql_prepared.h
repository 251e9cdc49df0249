// Makes the text of a batch travel once per connection: it is most of what a poll sends. A text that is asked for the
// second time over a connection is prepared and executed in one round trip,
//
//     DECLARE @h int; EXEC sp_prepare @h OUTPUT, NULL, N'<text>'; SELECT @h AS vitals_handle; EXEC sp_execute @h
//
// and from then on runs as EXEC sp_execute <handle>. The result sets and errors are those of the text itself. A handle
// belongs to its session on the server, and nothing is made in a database. Where the prepared form brings no answer,
// for whatever reason, the text itself is sent in the same poll; if that one is answered, nothing is prepared for an
// hour.
#pragma once

#include <sodium.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "prober/deadline.h"
#include "prober/freetds/tds_connection.h"

namespace vitals::prober {

// Texts that are known on one connection. Groups with longer intervals of their own make a few different ones.
constexpr std::size_t max_prepared_texts = 8;

class MssqlPrepared {
  public:
    enum class Form { text, prepare, execute };
    using Digest = std::array<unsigned char, crypto_generichash_BYTES>;
    // How a text is to be sent.
    struct Batch {
        Form form = Form::text;
        std::string sql;  // empty where it is the text itself
        Digest digest{};
    };
    Batch batch_for(const std::string& text);

    // Looks at what a batch that is not the text itself brought, and takes the handle out of it, so that the reply is
    // that of the text. False: it was not answered, which would have begun with the marker of this name.
    bool accept(const Batch& batch, BatchReply& reply, std::string_view first_marker);

    // After that, the text itself was sent.
    void compare(const Batch& batch, const BatchReply& reply, std::string_view first_marker);
    // Or the connection had broken.
    void note_break(const Batch& batch, CutOff cut_off);
    // Then the text itself may be answered over a new connection.
    [[nodiscard]] bool broke_connection() const noexcept { return broke_connection_; }

    // On a new connection nothing is prepared.
    void forget_connection();

    [[nodiscard]] bool switched_off() const { return Deadline::Clock::now() < off_until_; }

  private:
    struct Known {
        Digest digest;
        std::optional<std::int32_t> handle;  // nothing: it was sent once
        bool executed = false;               // by its handle alone
    };

    Known* find(const Digest& digest);
    void remember(const Digest& digest);
    void forget(const Digest& digest);
    void give_back(const Known& known);
    std::string preparing(const std::string& text);
    std::optional<std::int32_t> take_handle(BatchReply& reply) const;
    void switch_off();

    std::vector<Known> known_;           // the one that was used last comes first
    std::vector<std::int32_t> dropped_;  // handles to give back with the next text that is prepared
    bool broke_connection_ = false;
    Deadline::Clock::time_point off_until_{};
};

}  // namespace vitals::prober
