// What equal simulated servers of one process share.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "tds_server/catalogue.h"
#include "tds_server/fixture.h"
#include "tds_server/program.h"
#include "tds_server/server_profile.h"

namespace tds_server {

class SharedMemory {
  public:
    explicit SharedMemory(std::shared_ptr<const Fixture> fixture)
        : fixture_(std::move(fixture)),
          started_(std::chrono::steady_clock::now()),
          started_utc_(std::chrono::system_clock::now()) {}

    ProgramCache& programs() noexcept { return programs_; }
    Catalogue& catalogue(const ServerProfile& profile) {
        auto& made = catalogues_[profile.shape()];
        if (!made) made = std::make_unique<Catalogue>(fixture_, profile, programs_);
        return *made;
    }
    // When live time began, on both clocks.
    std::chrono::steady_clock::time_point started() const noexcept { return started_; }
    std::chrono::system_clock::time_point started_utc() const noexcept { return started_utc_; }

  private:
    std::shared_ptr<const Fixture> fixture_;
    ProgramCache programs_;
    std::map<std::string, std::unique_ptr<Catalogue>> catalogues_;
    std::chrono::steady_clock::time_point started_;
    std::chrono::system_clock::time_point started_utc_;
};

}  // namespace tds_server
