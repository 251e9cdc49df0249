// The tables and views of one kind of server: what its version and edition have, with the columns of that version.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tds_server/fixture.h"
#include "tds_server/program.h"
#include "tds_server/relation.h"
#include "tds_server/server_profile.h"
#include "tds_server/server_view.h"

namespace tds_server {

class Catalogue {
  public:
    Catalogue(std::shared_ptr<const Fixture> fixture, const ServerProfile& profile, ProgramCache& programs);

    const Collation& collation() const noexcept { return collation_; }
    // A full name: "sys.databases", "msdb.dbo.backupset"; null if there is none. server: to plan a view with, allowed
    // everything.
    const Relation* find(std::string_view name, const ServerView& server);

  private:
    struct Entry {
        Relation relation;
        std::string_view query;  // empty: recorded
        bool ready = false;
        std::shared_ptr<Program> program;
    };
    void add_recorded(const RecordedTable& table, Relation relation);
    void plan_view(Entry& entry, const ServerView& server);
    bool has_column(std::string_view view, std::string_view column) const;

    std::shared_ptr<const Fixture> fixture_;
    ServerProfile profile_;
    Collation collation_;
    ProgramCache& programs_;
    std::deque<Entry> entries_;
};

}  // namespace tds_server
