#include "tds_server/server_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace tds_server {

namespace {

struct Release {
    int version;
    std::string_view year;
    std::string_view build;
};
// The fixture's own build is 2022's.
constexpr std::array<Release, 7> releases{{{11, "2012", "11.0.7507.2"},
                                           {12, "2014", "12.0.6449.1"},
                                           {13, "2016", "13.0.6435.1"},
                                           {14, "2017", "14.0.3465.1"},
                                           {15, "2019", "15.0.4430.1"},
                                           {16, "2022", "16.0.4105.2"},
                                           {17, "2025", "17.0.1000.7"}}};

}  // namespace

std::string ServerProfile::shape() const {
    return fmt::format("{}/{}/{}/{}/{}", features(), edition, linux_host, collation, wrong_types);
}

std::string ServerProfile::content() const {
    return fmt::format("{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}/{}", shape(), version, instance, counters,
                       hostile_names, ring_buffer_over_100, hadr, process_times, view_state, view_definition, msdb,
                       all_databases, prepare, administrator, says_encrypted);
}

std::optional<int> version_from_text(std::string_view text) {
    const auto by_year =
        std::find_if(releases.begin(), releases.end(), [&](const Release& release) { return release.year == text; });
    if (by_year != releases.end()) return by_year->version;
    int major = 0;
    std::from_chars(text.data(), text.data() + text.size(), major);
    const bool known =
        std::any_of(releases.begin(), releases.end(), [&](const Release& release) { return release.version == major; });
    return known ? std::optional(major) : std::nullopt;
}

std::string product_version(const ServerProfile& profile) {
    if (profile.is_azure()) return "12.0.2000.8";
    const auto* release = std::find_if(releases.begin(), releases.end(),
                                       [&](const Release& known) { return known.version == profile.version; });
    return release != releases.end() ? std::string(release->build) : std::string();
}

std::string edition_name(const ServerProfile& profile) {
    switch (profile.edition) {
        case edition_standard:
            return "Standard Edition (64-bit)";
        case edition_express:
            return "Express Edition (64-bit)";
        case edition_azure_database:
        case edition_managed_instance:
            return "SQL Azure";
        default:
            return "Enterprise Edition (64-bit)";
    }
}

}  // namespace tds_server
