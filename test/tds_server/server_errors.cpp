#include "tds_server/server_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

namespace tds_server {

namespace {

struct KnownError {
    int number;
    int level;
    int state;
    bool at_login;
    std::string_view text;  // {0}: login, {1}: database
};

constexpr std::array<KnownError, 20> known_errors{{
    {207, 16, 1, false, "Invalid column name 'sim_column'."},
    {208, 16, 1, false, "Invalid object name 'sys.sim_object'."},
    {229, 14, 5, false, "The SELECT permission was denied on the object 'sim_object', database '{1}', schema 'dbo'."},
    {297, 16, 1, false, "The user does not have permission to perform this action."},
    {300, 14, 1, false, "VIEW SERVER STATE permission was denied on object 'server', database 'master'."},
    {701, 17, 123, false, "There is insufficient system memory in resource pool 'internal' to run this query."},
    {976, 14, 1, false,
     "The target database, '{1}', is participating in an availability group and is currently not accessible for "
     "queries."},
    {1205, 13, 51, false,
     "Transaction (Process ID 57) was deadlocked on lock resources with another process and has been chosen as the "
     "deadlock victim. Rerun the transaction."},
    {1222, 16, 56, false, "Lock request time out period exceeded."},
    {2812, 16, 62, false, "Could not find stored procedure 'sim_procedure'."},
    {4060, 11, 1, true, "Cannot open database \"{1}\" requested by the login. The login failed."},
    {8179, 16, 4, false, "Could not find prepared statement with handle 0."},
    {17142, 14, 1, true,
     "SQL Server service has been paused. No new connections will be allowed. To resume the service, use SQL Computer "
     "Manager or the Services application in Control Panel."},
    {17187, 16, 1, true,
     "SQL Server is not ready to accept new client connections. Wait a few minutes before trying again."},
    {18401, 14, 1, true,
     "Login failed for user '{0}'. Reason: Server is in script upgrade mode. Only administrator can connect at this "
     "time."},
    {18452, 14, 1, true,
     "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication."},
    {18456, 14, 1, true, "Login failed for user '{0}'."},
    {18470, 14, 1, true, "Login failed for user '{0}'. Reason: The account is disabled."},
    {18486, 14, 1, true,
     "Login failed for user '{0}' because the account is currently locked out. The system administrator can unlock "
     "it."},
    {18488, 14, 1, true, "Login failed for user '{0}'.  Reason: The password of the account must be changed."},
}};

const KnownError* find_error(int number) {
    const auto* found =
        std::find_if(known_errors.begin(), known_errors.end(), [=](const KnownError& e) { return e.number == number; });
    return found == known_errors.end() ? nullptr : found;
}

std::string fill_in(std::string_view pattern, std::string_view login, std::string_view database) {
    return fmt::format(fmt::runtime(pattern), login, database);
}

}  // namespace

bool is_login_error(int number) noexcept {
    const KnownError* known = find_error(number);
    return known != nullptr && known->at_login;
}

ServerMessage server_error(int number, std::string_view login, std::string_view database) {
    if (const KnownError* known = find_error(number))
        return {number, known->level, known->state, fill_in(known->text, login, database)};
    return {number, 16, 1, fmt::format("Error {} as asked for.", number)};
}

}  // namespace tds_server
