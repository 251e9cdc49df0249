// What the evaluator of T-SQL asks the simulated server.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tds_server/engine.h"

namespace tds_server {

struct Property {
    Cell value;
    ColumnType type;
};

class ServerView {
  public:
    ServerView() = default;
    ServerView(const ServerView&) = delete;
    ServerView& operator=(const ServerView&) = delete;
    virtual ~ServerView() = default;

    // Null: there is no such table or view. The name as written, with dots between its parts.
    virtual const std::vector<Column>* columns(std::string_view table) const = 0;
    // Throws SqlError when the session may not read it.
    virtual std::vector<Row> rows(std::string_view table) const = 0;
    virtual std::optional<Property> property(std::string_view name) const = 0;
    virtual std::optional<bool> may(std::string_view permission) const = 0;
    virtual std::int64_t utc_ticks() const = 0;
    virtual std::int64_t local_ticks() const = 0;
    virtual const ClientContext& client() const = 0;
    virtual Reply call(std::string_view procedure, const std::vector<Cell>& arguments) const = 0;
};

}  // namespace tds_server
