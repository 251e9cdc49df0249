#include "core/error_class.h"

#include <algorithm>
#include <array>
#include <utility>

namespace vitals::core {

namespace {

using Entry = std::pair<ErrorClass, std::string_view>;

constexpr std::array<Entry, error_class_count> names{{
    {ErrorClass::name_lookup, "name_lookup"},
    {ErrorClass::not_allowed, "not_allowed"},
    {ErrorClass::refused, "refused"},
    {ErrorClass::unreachable, "unreachable"},
    {ErrorClass::timeout, "timeout"},
    {ErrorClass::protocol, "protocol"},
    {ErrorClass::tls, "tls"},
    {ErrorClass::login, "login"},
    {ErrorClass::database_unavailable, "database_unavailable"},
    {ErrorClass::starting, "starting"},
    {ErrorClass::permission, "permission"},
    {ErrorClass::version, "version"},
    {ErrorClass::yielded, "yielded"},
    {ErrorClass::pressure, "pressure"},
    {ErrorClass::server_error, "server_error"},
    {ErrorClass::connection_lost, "connection_lost"},
    {ErrorClass::configuration, "configuration"},
    {ErrorClass::prober_lost, "prober_lost"},
    {ErrorClass::internal, "internal"},
}};

}  // namespace

std::string_view to_text(ErrorClass error_class) noexcept {
    const auto* found =
        std::find_if(names.begin(), names.end(), [&](const Entry& entry) { return entry.first == error_class; });
    return found == names.end() ? std::string_view{"internal"} : found->second;
}

std::optional<ErrorClass> error_class_from_text(std::string_view text) noexcept {
    const auto* found =
        std::find_if(names.begin(), names.end(), [&](const Entry& entry) { return entry.second == text; });
    if (found == names.end()) return std::nullopt;
    return found->first;
}

}  // namespace vitals::core
