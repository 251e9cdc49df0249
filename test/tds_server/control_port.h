// The line on which a test changes the servers while they run: one JSON object a line, one JSON answer a line.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "tds_server/server_farm.h"

namespace tds_server {

// What to answer to one line. Never throws: errors are answers too.
std::string answer_control_line(ServerFarm& farm, std::string_view line);

class ControlPort {
  public:
    // On loopback only: whoever reaches it owns the servers. Throws std::system_error.
    ControlPort(asio::io_context& context, ServerFarm& farm, std::uint16_t port);

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  private:
    void accept();

    ServerFarm& farm_;
    asio::ip::tcp::acceptor acceptor_;
};

}  // namespace tds_server
