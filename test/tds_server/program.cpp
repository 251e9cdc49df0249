#include "tds_server/program.h"

#include <utility>

#include "tds_server/sql_error.h"
#include "tds_server/tsql_parser.h"

namespace tds_server {

Program::Program(std::string_view sql) : batch_(parse_batch(sql)) {}

const QueryPlan& Program::plan(const Query& query, const ServerView& server, const VariableTypes& variables) {
    const auto [entry, added] = plans_.try_emplace({&query, server.kind(), server.client().database});
    Planned& planned = entry->second;
    if (added) {
        try {
            planned.plan = plan_query(query, server, variables, nullptr, nullptr);
        } catch (const SqlError& error) {
            planned.error = error.message();
        }
    }
    if (!planned.plan) throw SqlError(planned.error);
    return *planned.plan;
}

std::shared_ptr<Program> ProgramCache::program(std::string_view sql) {
    constexpr std::size_t most_programs = 4'096;
    const std::string key(sql);
    const auto known = programs_.find(key);
    if (known != programs_.end()) return known->second;
    auto made = std::make_shared<Program>(sql);
    // Whoever sends ever new texts gets no use of this anyway.
    if (programs_.size() >= most_programs) programs_.clear();
    programs_.emplace(key, made);
    return made;
}

}  // namespace tds_server
