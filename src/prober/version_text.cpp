#include "prober/version_text.h"

#include <fmt/format.h>

#include <string_view>

// db-lib's header defines macros; it stays behind the C++ ones.
#include <sybdb.h>

namespace vitals::prober {

std::string version_text() {
    // "freetds v1.3.17"
    const std::string_view library = dbversion();
    const auto number = library.find_first_of("0123456789");
    return fmt::format("vitals_prober {}, FreeTDS {}", VITALS_VERSION,
                       number == std::string_view::npos ? library : library.substr(number));
}

}  // namespace vitals::prober
