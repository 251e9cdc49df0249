// The views of SQL Server that the fixture has no recording of, as queries over what it has; and since when views and
// columns are there, and what one must be allowed to read them.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "tds_server/relation.h"
#include "tds_server/server_profile.h"

namespace tds_server {

// Where a view exists.
enum Platform : unsigned { on_box = 1, on_database = 2, on_instance = 4, on_windows = 8, everywhere = 7 };

struct ViewRule {
    std::string_view name;
    Need need = Need::nothing;
    int since = 11;
    unsigned platforms = everywhere;
    bool function = false;
    std::string_view query = {};  // empty: recorded in the fixture, under this name
};

struct ColumnRule {
    std::string_view view;
    std::string_view column;
    int since = 11;
    int until = 99;
    unsigned platforms = everywhere;
};

const std::vector<ViewRule>& view_rules();
const std::vector<ColumnRule>& column_rules();

bool exists_there(unsigned platforms, int since, int until, const ServerProfile& profile);

}  // namespace tds_server
