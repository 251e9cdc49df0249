#include "prober/connectors/mssql/mssql_grants.h"

#include <fmt/format.h>

#include <array>

#include "prober/connectors/mssql/mssql_server.h"

namespace vitals::prober {

namespace {

constexpr int version_2022 = 16;
constexpr std::string_view msdb_select = "SELECT on msdb.dbo.";

// Of "sysjobs, sysjobservers and sysjobactivity".
std::string grants_on(std::string_view tables, const std::string& user) {
    constexpr std::array<std::string_view, 2> separators{", ", " and "};
    std::string statements;
    while (!tables.empty()) {
        std::size_t end = tables.size();
        std::size_t next = tables.size();
        for (const std::string_view separator : separators) {
            const std::size_t found = tables.find(separator);
            if (found >= end) continue;
            end = found;
            next = found + separator.size();
        }
        statements += fmt::format("; GRANT SELECT ON dbo.{} TO {}", tables.substr(0, end), user);
        tables.remove_prefix(next);
    }
    return statements;
}

}  // namespace

std::string in_brackets(std::string_view name) {
    std::string text = "[";
    for (const char c : name) {
        text.push_back(c);
        if (c == ']') text.push_back(c);
    }
    return text + "]";
}

std::string grant_statement(std::string_view permission, int major_version, std::int64_t engine_edition,
                            std::string_view login) {
    const std::string user = in_brackets(login);
    const bool azure = engine_edition == azure_sql_database;
    if (permission == server_state) {
        // The finer one is a syntax error before 2022.
        if (azure) return fmt::format("ALTER SERVER ROLE ##MS_ServerStateReader## ADD MEMBER {}", user);
        const bool finer = major_version >= version_2022;
        return fmt::format("USE master; GRANT {} TO {}", finer ? "VIEW SERVER PERFORMANCE STATE" : server_state, user);
    }
    if (permission == "VIEW DATABASE STATE") return fmt::format("GRANT VIEW DATABASE STATE TO {}", user);
    if (permission.starts_with("VIEW ANY ")) return fmt::format("USE master; GRANT {} TO {}", permission, user);
    if (permission.starts_with(msdb_select))
        return fmt::format("USE msdb; CREATE USER {0} FOR LOGIN {0}{1}", user,
                           grants_on(permission.substr(msdb_select.size()), user));
    return fmt::format("grant {} to {}", permission, user);
}

}  // namespace vitals::prober
