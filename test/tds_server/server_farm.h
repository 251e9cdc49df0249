// All simulated servers of the process.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tds_server/certificates.h"
#include "tds_server/command_line.h"
#include "tds_server/simulated_server.h"
#include "tds_server/sql_browser.h"

namespace tds_server {

class ServerFarm {
  public:
    // Throws std::runtime_error with a text for people when a socket or a file fails.
    ServerFarm(asio::io_context& context, const CommandLine& command_line);

    std::size_t size() const noexcept { return servers_.size(); }
    SimulatedServer& server(std::size_t index) { return *servers_.at(index); }
    const SimulatedServer& server(std::size_t index) const { return *servers_.at(index); }
    // Null: no Browser answers.
    SqlBrowser* browser() noexcept { return browser_ ? &*browser_ : nullptr; }

  private:
    std::unique_ptr<SimulatedServer> make_server(asio::io_context& context, const CommandLine& command_line,
                                                 std::shared_ptr<const Fixture> fixture, std::size_t index);
    void open(const CommandLine& command_line);

    FarmSettings settings_;
    std::shared_ptr<SharedMemory> memory_;
    CertificateAuthority authority_;
    std::vector<BrowserEntry> browser_entries();

    std::vector<std::unique_ptr<SimulatedServer>> servers_;
    std::optional<SqlBrowser> browser_;
};

}  // namespace tds_server
