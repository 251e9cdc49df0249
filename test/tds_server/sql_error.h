// What the evaluator throws for a statement that SQL Server would refuse.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "tds_server/engine.h"

namespace tds_server {

class SqlError : public std::runtime_error {
  public:
    explicit SqlError(ServerMessage message) : std::runtime_error(message.text), message_(std::move(message)) {}
    SqlError(int number, int level, const std::string& text) : SqlError(ServerMessage{number, level, 1, text}) {}

    const ServerMessage& message() const noexcept { return message_; }

  private:
    ServerMessage message_;
};

}  // namespace tds_server
