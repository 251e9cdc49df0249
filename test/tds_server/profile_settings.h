// The names under which tests change a server's profile, on the control line and on the command line.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tds_server/server_profile.h"

namespace tds_server {

// False: it is no setting of a profile. Throws std::invalid_argument, or what JSON throws for a wrong type.
bool set_profile_setting(ServerProfile& profile, std::string_view name, const nlohmann::json& value);

// "version=2019", "edition=5", "linux", "instance=PAYROLL", "view_state=false". Throws std::invalid_argument.
void set_profile_option(ServerProfile& profile, std::string_view text);

std::string profile_setting_names();

}  // namespace tds_server
