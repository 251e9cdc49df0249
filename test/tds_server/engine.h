// The border between the two halves of the simulated SQL Server: the TDS half (tokens, TLS, faults) turns a batch into
// one call of Engine::execute and encodes what comes back; the engine half (fixture, small T-SQL evaluator) knows
// nothing of the wire.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tds_server/prepared_statements.h"

namespace tds_server {

enum class SqlType {
    bit,
    tinyint,
    smallint,
    integer,
    bigint,
    real,
    float8,
    decimal,
    money,
    date,
    time,
    datetime,
    datetime2,
    datetimeoffset,
    uniqueidentifier,
    varbinary,
    character,    // char(n)
    varchar,      // varchar(n)
    nchar,        // nchar(n): blank padded on the wire
    nvarchar,     // nvarchar(n)
    nvarchar_max  // nvarchar(max)
};

struct ColumnType {
    SqlType type = SqlType::integer;
    int length = 0;     // characters, or bytes for varbinary
    int precision = 0;  // decimal
    int scale = 0;      // decimal, time, datetime2, datetimeoffset
    bool nullable = true;
};

struct Column {
    std::string name;
    ColumnType type;
};

// NULL, bit, integers, real/float8, and everything else as UTF-8 text: numbers "123.45", times
// "2026-03-02T10:00:00.000", binary "0x0A0B", uniqueidentifier in its usual form.
using Cell = std::variant<std::monostate, bool, std::int64_t, double, std::string>;
using Row = std::vector<Cell>;

struct ResultSet {
    std::vector<Column> columns;
    std::vector<Row> rows;
};

// Level above 10 is an error (TDS ERROR token), else an information message (INFO token).
struct ServerMessage {
    int number = 0;
    int level = 0;
    int state = 1;
    std::string text;
};

struct ReturnStatus {
    std::int32_t value = 0;
};

// A result that many sessions get: encoded once for each version of the protocol.
struct SharedResult {
    ResultSet set;
    std::map<int, std::string> encoded;
};
using SharedResultPtr = std::shared_ptr<SharedResult>;

// The server takes so long before it goes on with what follows.
struct Pause {
    std::chrono::milliseconds time{0};
};

using ReplyPart = std::variant<ResultSet, ServerMessage, ReturnStatus, SharedResultPtr, Pause>;
// In the order in which they go on the wire. A reply with an error part ends with a DONE that has the error bit.
using Reply = std::vector<ReplyPart>;

// What a session knows of itself when it asks.
struct ClientContext {
    int spid = 51;
    std::string login;
    std::string database = "master";
    std::string app_name;
    std::string host_name;
    bool encrypted = false;
    std::string auth_scheme = "SQL";
    std::string client_address = "127.0.0.1";
    int local_port = 1433;
    int packet_size = 4096;
    PreparedStatements prepared;
};

// One simulated server. execute() may be called for many sessions in turn, never at the same time.
class Engine {
  public:
    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    virtual ~Engine() = default;
    // USE changes the session's database, sp_prepare what is prepared.
    virtual Reply execute(std::string_view sql, ClientContext& client) = 0;
    // Whether sessions may use this database; the error to refuse it with.
    virtual std::optional<ServerMessage> refusal(const ClientContext& client) = 0;
};

}  // namespace tds_server
