// Batches that were parsed and planned already: a fleet of servers asks each of them the same.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "tds_server/tsql_ast.h"
#include "tds_server/tsql_plan.h"

namespace tds_server {

class Program {
  public:
    // Throws SqlError where the text does not parse.
    explicit Program(std::string_view sql);

    const Batch& batch() const noexcept { return batch_; }
    // The plan for the kind of server that it is; throws SqlError.
    const QueryPlan& plan(const Query& query, const ServerView& server, const VariableTypes& variables);

  private:
    struct Planned {
        std::shared_ptr<const QueryPlan> plan;
        ServerMessage error;
    };
    Batch batch_;
    // By query, kind of server and current database.
    std::map<std::tuple<const Query*, const void*, std::string>, Planned> plans_;
};

class ProgramCache {
  public:
    // Throws SqlError where the text does not parse.
    std::shared_ptr<Program> program(std::string_view sql);

  private:
    std::unordered_map<std::string, std::shared_ptr<Program>> programs_;
};

}  // namespace tds_server
