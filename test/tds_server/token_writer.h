// The tokens of a reply stream, one function each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tds_server/byte_writer.h"
#include "tds_server/engine.h"
#include "tds_server/login_record.h"

namespace tds_server {

enum class DoneToken : std::uint8_t { done = 0xFD, done_proc = 0xFE, done_in_proc = 0xFF };

enum DoneStatus : std::uint16_t {
    done_final = 0x00,
    done_more = 0x01,
    done_error = 0x02,
    done_count = 0x10,
    done_attention = 0x20
};

enum class EnvironmentChange : std::uint8_t {
    database = 1,
    language = 2,
    packet_size = 4,
    collation = 7,
    begin_transaction = 8,
    commit_transaction = 9,
    roll_back_transaction = 10
};

class TokenWriter {
  public:
    explicit TokenWriter(TdsVersion version) noexcept : version_(version) {}

    void login_ack();
    // The next message of NTLM or Kerberos.
    void integrated(std::string_view message);
    void environment_text(EnvironmentChange change, std::string_view new_value, std::string_view old_value);
    void environment_bytes(EnvironmentChange change, std::string_view new_value, std::string_view old_value);
    // The answer to the features that a client of TDS 7.4 asks for.
    void feature_acks(const std::vector<std::uint8_t>& asked);
    void message(const ServerMessage& message, std::string_view server_name);
    void columns(const std::vector<Column>& columns);
    // Throws ValueError; nothing is written then.
    void row(const std::vector<Column>& columns, const Row& row);
    void return_status(std::int32_t value);
    void return_value(std::string_view parameter, std::int32_t value);
    void done(DoneToken token, std::uint16_t status, std::uint64_t rows);
    void raw(std::string_view bytes) { bytes_.raw(bytes); }

    std::size_t size() const noexcept { return bytes_.size(); }
    std::string take() noexcept { return bytes_.take(); }
    TdsVersion version() const noexcept { return version_; }

  private:
    TdsVersion version_;
    ByteWriter bytes_;
};

}  // namespace tds_server
