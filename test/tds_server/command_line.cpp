#include "tds_server/command_line.h"

#include <CLI/CLI.hpp>
#include <asio/ip/address.hpp>
#include <charconv>
#include <fstream>
#include <stdexcept>
#include <string_view>

#include "tds_server/profile_settings.h"

namespace tds_server {

namespace {

constexpr std::size_t most_servers = 20'000;

template <typename Value>
CLI::Validator check(Value parse, const char* name) {
    return CLI::Validator(
        [parse](const std::string& text) {
            try {
                parse(text);
                return std::string();
            } catch (const std::invalid_argument& error) {
                return std::string(error.what());
            }
        },
        name);
}

template <typename Value>
Value required(std::optional<Value> value, const std::string& text) {
    if (!value) throw std::invalid_argument("\"" + text + "\" is not one of them");
    return *value;
}

std::uint64_t parse_number(std::string_view text, std::uint64_t greatest) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number > greatest)
        throw std::invalid_argument("\"" + std::string(text) + "\" is not a number up to " + std::to_string(greatest));
    return number;
}

// "cut" for all servers, "3:cut" for one.
std::pair<std::optional<std::size_t>, Fault> parse_fault(const std::string& text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) return {std::nullopt, fault_from_text(text)};
    const std::string_view whole(text);
    return {parse_number(whole.substr(0, colon), most_servers - 1), fault_from_text(whole.substr(colon + 1))};
}

std::optional<std::uint16_t> parse_control_port(const std::string& text) {
    if (text == "none") return std::nullopt;
    return static_cast<std::uint16_t>(parse_number(text, UINT16_MAX));
}

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line)) throw std::runtime_error("cannot read a password from \"" + path + "\"");
    return line;
}

asio::ip::address parse_address(const std::string& text) {
    std::error_code error;
    const auto address = asio::ip::make_address(text, error);
    if (error) throw std::invalid_argument("\"" + text + "\" is no IP address");
    return address;
}

TlsMode parse_tls(const std::string& text) {
    return required(tls_mode_from_text(text), text);
}
CertificateKind parse_certificate(const std::string& text) {
    return required(certificate_kind_from_text(text), text);
}
Replay parse_replay(const std::string& text) {
    return required(replay_from_text(text), text);
}

ServerProfile parse_profile(const std::string& text) {
    ServerProfile profile;
    set_profile_option(profile, text);
    return profile;
}

// Options whose text becomes something else.
struct Texts {
    std::string tls = "login-only";
    std::string certificate = "right";
    std::string replay = "live";
    std::string control_port = "0";
    std::string browser_port = "none";
    std::string password_file;
    std::vector<std::string> faults;
    std::vector<std::string> profile;
    bool deny_view_state = false;
};

void add_options(CLI::App& app, CommandLine& options, Texts& texts) {
    app.add_option("--servers", options.servers, "how many")->check(CLI::Range(std::size_t{1}, most_servers));
    app.add_option("--port", options.port, "port of the first, the next ones follow; 0: a free one for each");
    app.add_option("--bind", options.bind, "IPv4 or IPv6 address to listen on")->check(check(parse_address, "ADDRESS"));
    app.add_flag("--loopback-addresses", options.loopback_addresses, "one port, addresses 127.1.0.1, 127.1.0.2, ...");
    app.add_option("--login", options.account.login, "the only login");
    app.add_option("--password-file", texts.password_file, "file whose first line is the password; without: vitals");
    app.add_option("--tls", texts.tls, "off, login-only, request (= on), require, strict")
        ->check(check(parse_tls, "MODE"));
    app.add_option("--certificate", texts.certificate, "right, wrong-name, expired, self-signed")
        ->check(check(parse_certificate, "KIND"));
    app.add_option("--ca-out", options.ca_out, "write the authority's certificate to this file");
    app.add_option("--fixture", options.fixture, "recorded answers (JSON)")->required()->check(CLI::ExistingFile);
    app.add_option("--replay", texts.replay, "live, poll1, poll2, steps")->check(check(parse_replay, "MODE"));
    app.add_flag("--deny-view-state", texts.deny_view_state, "the login has no VIEW SERVER STATE");
    app.add_option("--profile", texts.profile, "SETTING or SETTING=VALUE, may be repeated: " + profile_setting_names())
        ->check(check(parse_profile, "SETTING"));
    app.add_option("--tick-ms", options.tick_ms, "live time moves in steps of so long: equal servers answer alike");
    app.add_option("--domain", options.account.domain, "of Windows logins; without: any");
    app.add_option("--keytab", options.account.keytab,
                   "that Kerberos tickets are verified with; without: none is believed")
        ->check(CLI::ExistingFile);
    app.add_option("--instances", options.instances, "names of the servers' instances, in their order")->delimiter(',');
    app.add_option("--browser-port", texts.browser_port, "UDP port of the SQL Server Browser, 0: a free one, or none")
        ->check(check(parse_control_port, "PORT"));
    app.add_option("--administrator", options.account.administrator, "the login that may do everything");
    app.add_option("--fault", texts.faults, "FAULT for all servers or N:FAULT for one: " + fault_names())
        ->check(check(parse_fault, "FAULT"));
    app.add_option("--latency-ms", options.latency_ms, "wait before every reply");
    app.add_option("--seed", options.seed, "of random bytes and of the differences between servers");
    app.add_option("--control-port", texts.control_port, "port of the control line, 0: a free one, or none")
        ->check(check(parse_control_port, "PORT"));
    app.add_flag("--exit-with-parent", options.exit_with_parent, "end with the parent, and when stdin is closed");
}

}  // namespace

std::optional<CommandLine> parse_command_line(int argc, char** argv, int& exit_code) {
    CLI::App app("A simulated SQL Server, or thousands, for tests.", "tds_server");
    CommandLine options;
    Texts texts;
    add_options(app, options, texts);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        exit_code = app.exit(error);
        return std::nullopt;
    }
    options.tls = parse_tls(texts.tls);
    options.certificate = parse_certificate(texts.certificate);
    options.replay = parse_replay(texts.replay);
    options.control_port = parse_control_port(texts.control_port);
    options.browser_port = parse_control_port(texts.browser_port);
    for (const std::string& text : texts.faults)
        options.faults.push_back(parse_fault(text));
    for (const std::string& setting : texts.profile)
        set_profile_option(options.profile, setting);
    if (texts.deny_view_state) options.profile.view_state = false;
    if (!texts.password_file.empty()) options.account.password = first_line(texts.password_file);
    return options;
}

}  // namespace tds_server
