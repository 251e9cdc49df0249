// What a logged-in client may send: a batch, a procedure call, a step of a transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tds_server/login_record.h"

namespace tds_server {

struct RpcParameter {
    std::string name;     // with its @, or empty
    std::string literal;  // as T-SQL: NULL, 12, N'text', 0x0A
    std::string text;     // a string parameter's own content
};

struct RpcRequest {
    std::string procedure;
    std::vector<RpcParameter> parameters;
};

enum class TransactionStep : std::uint16_t { begin = 5, promote = 6, commit = 7, roll_back = 8, save = 9 };

// All throw ProtocolError for broken messages, and for parameter types that no client under test sends.
std::string parse_batch(std::string_view payload, TdsVersion version);
RpcRequest parse_rpc(std::string_view payload, TdsVersion version);
TransactionStep parse_transaction(std::string_view payload);

// The text with every @name outside of quotes replaced by the literal of its parameter.
std::string substitute_parameters(std::string_view sql, const std::vector<RpcParameter>& parameters);

}  // namespace tds_server
