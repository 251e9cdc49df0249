#include "pg/log.h"

#include "pg/boundary.h"
#include "pg/pg.h"

namespace vitals::pg {

namespace {

struct Entry {
    int level;
    std::string_view message;
    std::string_view detail;
    std::string_view hint;
};

void write(const Entry& entry) {
    const auto length = [](std::string_view text) { return static_cast<int>(text.size()); };
    ereport(entry.level,
            (errmsg_internal("%.*s", length(entry.message), entry.message.data()),
             entry.detail.empty() ? 0 : errdetail_internal("%.*s", length(entry.detail), entry.detail.data()),
             entry.hint.empty() ? 0 : errhint("%.*s", length(entry.hint), entry.hint.data())));
}

}  // namespace

void write_log(LogLevel level, std::string_view message, std::string_view detail, std::string_view hint) noexcept {
    Entry entry{LOG, message, detail, hint};
    if (level == LogLevel::debug) entry.level = DEBUG1;
    if (level == LogLevel::warning) entry.level = WARNING;
    ErrorFields ignored{};
    detail::run_guarded([](void* argument) noexcept { write(*static_cast<Entry*>(argument)); }, &entry, ignored);
}

}  // namespace vitals::pg
