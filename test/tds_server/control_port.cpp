#include "tds_server/control_port.h"

#include <fmt/format.h>

#include <asio/buffer.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tds_server/profile_settings.h"

namespace tds_server {

namespace {

using Json = nlohmann::json;

constexpr std::size_t longest_line = 65'536;
constexpr std::int64_t most_latency_ms = 3'600'000;

Json stats_of(SimulatedServer& server) {
    const ServerStats& stats = server.stats();
    return {{"connects", stats.connects},
            {"logins", stats.logins},
            {"failed_logins", stats.failed_logins},
            {"batches", stats.batches},
            {"open_connections", server.open_connections()},
            {"prepared", server.prepared_count()},
            {"bytes_received", stats.bytes_received},
            {"bytes_sent", stats.bytes_sent},
            {"last_application", stats.last_application},
            {"last_login", stats.last_login},
            {"plain_text_batches", stats.plain_text_batches},
            {"plain_text_logins", stats.plain_text_logins},
            {"protocol_errors", stats.protocol_errors},
            {"last_protocol_error", stats.last_protocol_error},
            {"last_database", stats.last_database},
            {"read_only_intent", stats.read_only_intent},
            {"last_packet_size", stats.last_packet_size},
            {"last_auth_scheme", stats.last_auth_scheme},
            {"last_service", stats.last_service},
            {"probes", stats.probes},
            {"results_recalled", server.engine().reuse().recalled},
            {"results_made", server.engine().reuse().made}};
}

// One change, checked as a whole before any of it is made.
class Change {
  public:
    explicit Change(const Json& request) {
        for (const auto& [key, value] : request.items())
            read(key, value);
    }

    void apply(SimulatedServer& server) const {
        if (latency_) server.set_latency(*latency_);
        if (replay_) server.engine().set_replay(*replay_);
        if (!profile_.empty()) server.engine().set_profile(changed(server.engine().profile()));
        if (restart_) server.engine().restart();
        if (clear_waits_) server.engine().clear_waits();
        if (!reset_files_.empty() && !server.engine().reset_files(reset_files_))
            throw std::invalid_argument(fmt::format("there is no database \"{}\"", reset_files_));
        if (missing_file_ && !server.engine().miss_file(*missing_file_))
            throw std::invalid_argument(fmt::format("there is no database file \"{}\"", *missing_file_));
        if (freeze_) server.engine().freeze(*freeze_);
        if (advance_.count() != 0) server.engine().advance(advance_);
        if (disturbs_) server.engine().disturb(view_, delay_, error_);
        if (forget_prepared_) server.forget_prepared();
        if (restart_ || drop_) server.drop_sessions();
        if (fault_) server.set_fault(*fault_);
    }
    void apply(SqlBrowser* browser) const {
        if (!browser_) return;
        if (browser == nullptr) throw std::invalid_argument("there is no Browser: start with --browser-port");
        browser->set_mood(*browser_);
    }
    bool wants_stats() const noexcept { return stats_; }

  private:
    ServerProfile changed(ServerProfile profile) const {
        for (const auto& [name, value] : profile_)
            set_profile_setting(profile, name, value);
        return profile;
    }

    void read(const std::string& key, const Json& value) {
        if (key == "server") return;
        if (key == "fault") {
            fault_ = fault_from_text(value.get<std::string>());
        } else if (key == "latency_ms") {
            const auto milliseconds = value.get<std::int64_t>();
            if (milliseconds < 0 || milliseconds > most_latency_ms)
                throw std::invalid_argument(fmt::format("latency_ms must be from 0 to {}", most_latency_ms));
            latency_ = std::chrono::milliseconds(milliseconds);
        } else if (key == "replay") {
            replay_ = replay_from_text(value.get<std::string>());
            if (!replay_) throw std::invalid_argument("replay must be live, poll1, poll2 or steps");
        } else if (ServerProfile checked; set_profile_setting(checked, key, value)) {
            profile_.emplace_back(key, value);
        } else if (key == "restart") {
            restart_ = value.get<bool>();
        } else if (key == "drop") {
            drop_ = value.get<bool>();
        } else if (key == "forget_prepared") {
            forget_prepared_ = value.get<bool>();
        } else if (key == "clear_waits") {
            clear_waits_ = value.get<bool>();
        } else if (key == "reset_files") {
            reset_files_ = value.get<std::string>();
        } else if (key == "missing_file") {
            missing_file_ = value.get<std::string>();
        } else if (key == "freeze") {
            freeze_ = value.get<bool>();
        } else if (key == "advance_ms") {
            advance_ = std::chrono::milliseconds(value.get<std::int64_t>());
        } else if (key == "view") {
            disturbs_ = true;
            view_ = value.get<std::string>();
        } else if (key == "delay_ms") {
            delay_ = std::chrono::milliseconds(value.get<std::int64_t>());
        } else if (key == "error") {
            error_ = value.get<int>();
        } else if (key == "browser") {
            browser_ = browser_mood_from_text(value.get<std::string>());
            if (!browser_) throw std::invalid_argument("browser must be answers, silent, garbage or wrong_instance");
        } else if (key == "stats") {
            stats_ = value.get<bool>();
        } else {
            throw std::invalid_argument(fmt::format("unknown key \"{}\"", key));
        }
    }

    std::optional<Fault> fault_;
    std::optional<std::chrono::milliseconds> latency_;
    std::optional<Replay> replay_;
    std::vector<std::pair<std::string, Json>> profile_;
    std::optional<BrowserMood> browser_;
    bool clear_waits_ = false;
    std::string reset_files_;
    std::optional<std::string> missing_file_;
    std::optional<bool> freeze_;
    std::chrono::milliseconds advance_{0};
    bool disturbs_ = false;
    std::string view_;
    std::chrono::milliseconds delay_{0};
    int error_ = 0;
    bool restart_ = false;
    bool drop_ = false;
    bool forget_prepared_ = false;
    bool stats_ = false;
};

std::vector<SimulatedServer*> servers_of(ServerFarm& farm, const Json& which) {
    std::vector<SimulatedServer*> servers;
    if (which == "all") {
        for (std::size_t i = 0; i < farm.size(); ++i)
            servers.push_back(&farm.server(i));
        return servers;
    }
    if (!which.is_number_unsigned() || which.get<std::size_t>() >= farm.size())
        throw std::invalid_argument(
            fmt::format("\"server\" must be a number from 0 to {} or \"all\"", farm.size() - 1));
    servers.push_back(&farm.server(which.get<std::size_t>()));
    return servers;
}

Json answer_request(ServerFarm& farm, const Json& request) {
    if (!request.is_object() || !request.contains("server"))
        throw std::invalid_argument("a request is an object with the key \"server\"");
    const auto servers = servers_of(farm, request.at("server"));
    const Change change(request);
    change.apply(farm.browser());
    for (SimulatedServer* server : servers)
        change.apply(*server);
    if (!change.wants_stats()) return {{"ok", true}};
    if (request.at("server") != "all") return stats_of(*servers.front());
    Json all = Json::array();
    for (SimulatedServer* server : servers)
        all.push_back(stats_of(*server));
    return {{"stats", std::move(all)}};
}

class ControlSession : public std::enable_shared_from_this<ControlSession> {
  public:
    ControlSession(asio::ip::tcp::socket socket, ServerFarm& farm) : socket_(std::move(socket)), farm_(farm) {}

    void read_line() {
        const auto buffer = asio::dynamic_buffer(received_, longest_line);
        asio::async_read_until(socket_, buffer, '\n',
                               [this, self = shared_from_this()](std::error_code error, std::size_t length) {
                                   if (!error) answer(length);
                               });
    }

  private:
    void answer(std::size_t length) {
        answer_ = answer_control_line(farm_, std::string_view(received_).substr(0, length)) + "\n";
        received_.erase(0, length);
        asio::async_write(socket_, asio::buffer(answer_),
                          [this, self = shared_from_this()](std::error_code error, std::size_t) {
                              if (!error) read_line();
                          });
    }

    asio::ip::tcp::socket socket_;
    ServerFarm& farm_;
    std::string received_;
    std::string answer_;
};

}  // namespace

std::string answer_control_line(ServerFarm& farm, std::string_view line) {
    constexpr auto invalid_as_question_mark = Json::error_handler_t::replace;
    try {
        return answer_request(farm, Json::parse(line)).dump(-1, ' ', false, invalid_as_question_mark);
    } catch (const std::exception& error) {
        return Json{{"error", error.what()}}.dump(-1, ' ', false, invalid_as_question_mark);
    }
}

ControlPort::ControlPort(asio::io_context& context, ServerFarm& farm, std::uint16_t port)
    : farm_(farm), acceptor_(context, {asio::ip::address_v4::loopback(), port}) {
    accept();
}

void ControlPort::accept() {
    acceptor_.async_accept([this](std::error_code error, asio::ip::tcp::socket socket) {
        if (error) return;
        std::make_shared<ControlSession>(std::move(socket), farm_)->read_line();
        accept();
    });
}

}  // namespace tds_server
