// TDS texts are UTF-16 (n-types, names, batches) or in the code page of the collation; inside the simulator all is
// UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace tds_server {

// Broken input becomes U+FFFD, as a server would rather store something than fail.
std::string utf8_to_utf16le(std::string_view text);
std::string utf16le_to_utf8(std::string_view bytes);

// The code page of SQL_Latin1_General_CP1_CI_AS. What it does not have becomes '?', as in SQL Server.
std::string utf8_to_cp1252(std::string_view text);
std::string cp1252_to_utf8(std::string_view bytes);

}  // namespace tds_server
