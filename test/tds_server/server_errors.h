// Errors that the TDS half sends by itself, worded and graded as SQL Server does.
#pragma once

#include <string_view>

#include "tds_server/engine.h"

namespace tds_server {

constexpr int error_login_failed = 18456;
constexpr int error_untrusted_domain = 18452;
constexpr int error_cannot_open_database = 4060;
constexpr int error_no_such_handle = 8179;

// Errors that end a login, and never answer a batch.
bool is_login_error(int number) noexcept;

// A number without a text here gets a general one at level 16.
ServerMessage server_error(int number, std::string_view login, std::string_view database);

}  // namespace tds_server
