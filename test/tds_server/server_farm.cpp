#include "tds_server/server_farm.h"

#include <fmt/format.h>

#include <asio/ip/address.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace tds_server {

namespace {

constexpr std::size_t hosts_per_net = 250;

std::string address_of(const CommandLine& command_line, std::size_t index) {
    if (!command_line.loopback_addresses) return command_line.bind;
    return fmt::format("127.1.{}.{}", index / hosts_per_net, index % hosts_per_net + 1);
}

}  // namespace

ServerFarm::ServerFarm(asio::io_context& context, const CommandLine& command_line)
    : settings_{command_line.account, command_line.tls, command_line.certificate} {
    const auto fixture = Fixture::load(command_line.fixture);
    memory_ = make_shared_memory(fixture);
    for (std::size_t i = 0; i < command_line.servers; ++i)
        servers_.push_back(make_server(context, command_line, fixture, i));
    for (const auto& [index, fault] : command_line.faults) {
        if (index && *index >= servers_.size())
            throw std::runtime_error(fmt::format("there is no server {} for a fault", *index));
        for (std::size_t i = 0; i < servers_.size(); ++i)
            if (!index || *index == i) servers_[i]->set_fault(fault);
    }
    open(command_line);
    if (command_line.browser_port) {
        const asio::ip::udp::endpoint endpoint(asio::ip::make_address(command_line.bind), *command_line.browser_port);
        browser_.emplace(context, endpoint, [this] { return browser_entries(); });
    }
    if (!command_line.ca_out.empty()) authority_.write_pem(command_line.ca_out);
}

std::vector<BrowserEntry> ServerFarm::browser_entries() {
    std::vector<BrowserEntry> entries;
    for (const auto& server : servers_) {
        const ServerProfile& profile = server->engine().profile();
        const std::string instance = profile.instance.empty() ? "MSSQLSERVER" : profile.instance;
        entries.push_back({server->name(), instance, product_version(profile), server->endpoint().port()});
    }
    return entries;
}

std::unique_ptr<SimulatedServer> ServerFarm::make_server(asio::io_context& context, const CommandLine& command_line,
                                                         std::shared_ptr<const Fixture> fixture, std::size_t index) {
    EngineOptions options;
    options.fixture = std::move(fixture);
    options.replay = command_line.replay;
    options.memory = memory_;
    options.share_results = true;
    options.profile = command_line.profile;
    if (index < command_line.instances.size()) options.profile.instance = command_line.instances[index];
    options.administrator = command_line.account.administrator;
    options.tick = std::chrono::milliseconds(command_line.tick_ms);
    // One server alone is the fixture's own; many must be told apart.
    options.server_name = command_line.servers == 1 ? "" : fmt::format("SIM{:04}", index);
    options.seed = command_line.seed == 0 ? 0 : command_line.seed + static_cast<std::uint32_t>(index);
    const std::string name = options.server_name.empty() ? "SIM0000" : options.server_name;
    const std::uint32_t seed = options.seed;
    auto server = std::make_unique<SimulatedServer>(context, settings_, authority_, name, seed,
                                                    make_fixture_engine(std::move(options)));
    server->set_latency(std::chrono::milliseconds(command_line.latency_ms));
    return server;
}

void ServerFarm::open(const CommandLine& command_line) {
    unsigned port = command_line.port;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        const std::string address = address_of(command_line, i);
        try {
            const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(address), static_cast<std::uint16_t>(port));
            servers_[i]->open(endpoint);
        } catch (const std::system_error& error) {
            throw std::runtime_error(fmt::format("cannot listen on {}:{}: {}", address, port, error.what()));
        }
        if (command_line.loopback_addresses)
            port = servers_[i]->endpoint().port();
        else if (command_line.port != 0)
            ++port;
    }
}

}  // namespace tds_server
