// The version that PRELOGIN and LOGINACK tell; the fixture's @@VERSION is of the same release.
#pragma once

#include <cstdint>

namespace tds_server {

constexpr std::uint8_t server_version_major = 16;
constexpr std::uint8_t server_version_minor = 0;
constexpr std::uint16_t server_version_build = 4105;

}  // namespace tds_server
