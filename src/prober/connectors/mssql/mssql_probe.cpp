#include "prober/connectors/mssql/mssql_probe.h"

#include <fmt/format.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "prober/connectors/mssql/mssql_errors.h"
#include "prober/connectors/mssql/mssql_options.h"
#include "prober/connectors/mssql/prelogin.h"
#include "prober/freetds/tds_failure.h"
#include "prober/network_socket.h"

namespace vitals::prober {

namespace {

using core::ErrorClass;
using core::Failure;

constexpr std::size_t first_bytes = 64;

Failure describe(int error, const std::string& target) {
    switch (error) {
        case ECONNREFUSED:
            return {ErrorClass::refused, 0, "nothing listens on " + target};
        case ETIMEDOUT:
            return {ErrorClass::timeout, 0, "the deadline passed while connecting to " + target};
        case EACCES:
            return {ErrorClass::not_allowed, 0, target + " is not an allowed target"};
        default:
            return {ErrorClass::unreachable, 0,
                    fmt::format("cannot connect to {}: {}", target, std::generic_category().message(error))};
    }
}

// Nothing if a SQL Server answers there.
std::optional<Failure> knock(const std::string& address, std::uint16_t port, const std::string& target,
                             const Deadline& deadline) try {
    const NetworkSocket socket(address, port, SOCK_STREAM);
    if (const int error = socket.connect(deadline); error != 0) return describe(error, target);
    std::string answer;
    int error = socket.send(prelogin_question(), deadline);
    if (error == 0) error = socket.receive(answer, first_bytes, deadline);
    if (error == ETIMEDOUT) return Failure{ErrorClass::timeout, 0, target + " accepts connections and does not answer"};
    if (error != 0 || answer.empty())
        return Failure{ErrorClass::connection_lost, 0, target + " ended the connection without an answer"};
    if (!looks_like_tds(answer))
        return Failure{
            ErrorClass::protocol, 0,
            fmt::format("not a SQL Server: {} answers with \"{}\"", target, clean_server_text(answer.substr(0, 24)))};
    return std::nullopt;
} catch (const std::system_error& error) {
    return describe(error.code().value(), target);
}

}  // namespace

core::Result probe_mssql(MssqlShared& shared, const core::Job& job, const Deadline& deadline) {
    core::Result result;
    try {
        const MssqlOptions options = parse_mssql_options(job);
        const MssqlLocation location = locate_mssql(shared, options, deadline);
        const std::string target = fmt::format("{} port {}", options.host, location.port);
        std::size_t left = location.addresses.size();
        for (const std::string& address : location.addresses) {
            // Each gets its share, so that a silent one does not keep the others from being asked.
            result.failure = knock(address, location.port, target, Deadline::after(deadline.remaining() / left--));
            if (!result.failure) break;
        }
        if (result.failure && !options.instance.empty()) shared.browser.forget(options.host, options.instance);
    } catch (const TdsFailure& error) {
        result.failure = error.failure();
    }
    result.outcome = result.failure ? core::Outcome::failed : core::Outcome::ok;
    return result;
}

}  // namespace vitals::prober
