#include "prober/connectors/mssql/mssql_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "prober/freetds/tds_failure.h"

namespace vitals::prober {

namespace {

// FreeTDS cuts the lines of its configuration at 255 bytes, and texts of a login record at 128.
constexpr std::size_t max_configuration_text = 200;
constexpr std::size_t max_login_text = 128;
constexpr int least_packet = 512;
constexpr int largest_packet = 32'767;

constexpr const char* system_ca_bundle = "/etc/ssl/certs/ca-certificates.crt";

[[noreturn]] void refuse(std::string message) {
    throw TdsFailure(core::ErrorClass::configuration, std::move(message));
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20U || c == 0x7F;
}

void check_text(std::string_view what, std::string_view text, std::size_t limit) {
    if (text.size() > limit) refuse(fmt::format("{} is longer than {} bytes", what, limit));
    if (std::any_of(text.begin(), text.end(), is_control))
        refuse(fmt::format("{} must not contain line breaks or control characters", what));
}

// For what becomes a value in freetds.conf.
void check_configuration_text(std::string_view what, std::string_view text) {
    check_text(what, text, max_configuration_text);
    if (text.find_first_of("#;[]") != std::string_view::npos)
        refuse(fmt::format("{} must not contain any of # ; [ ]", what));
    if (text.starts_with(' ') || text.ends_with(' '))
        refuse(fmt::format("{} must not begin or end with a blank", what));
}

std::string checked_host(std::string_view host) {
    if (host.find('\\') != std::string_view::npos)
        refuse("host\\instance is not supported: give the host alone and the port of the instance");
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host.empty()) refuse("host is empty");
    check_configuration_text("host", host);
    if (host.find_first_of(" ,/") != std::string_view::npos)
        refuse("host must be a name or an address; the port is a field of its own");
    return std::string(host);
}

bool parse_flag(std::string_view name, std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    refuse(fmt::format("option {} must be true or false", name));
}

TlsMode parse_encrypt(std::string_view text) {
    if (text == "require") return TlsMode::require;
    if (text == "request") return TlsMode::request;
    if (text == "off") return TlsMode::off;
    if (text == "strict")
        refuse("encrypt = strict needs TDS 8.0, which the installed FreeTDS does not speak; use require");
    refuse("option encrypt must be require, request or off");
}

int parse_packet_size(std::string_view text) {
    int size = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    if (error != std::errc() || end != text.data() + text.size() || size < least_packet || size > largest_packet)
        refuse(fmt::format("option packet_size must be a number from {} to {}", least_packet, largest_packet));
    return size;
}

void apply_option(MssqlOptions& options, std::string_view name, const std::string& value) {
    if (name == "encrypt") {
        options.tls = parse_encrypt(value);
    } else if (name == "trust_server_certificate") {
        options.verify = !parse_flag(name, value);
    } else if (name == "ca_file") {
        check_text("option ca_file", value, max_configuration_text);
        if (!value.starts_with('/')) refuse("option ca_file must be an absolute path");
        options.ca_file = value;
    } else if (name == "hostname_in_certificate") {
        check_configuration_text("option hostname_in_certificate", value);
        if (value.empty()) refuse("option hostname_in_certificate is empty");
        options.certificate_name = value;
    } else if (name == "database") {
        check_text("option database", value, max_login_text);
        options.database = value;
    } else if (name == "app_name") {
        check_text("option app_name", value, max_login_text);
        options.app_name = value;
    } else if (name == "mode") {
        if (value != "batches" && value != "procedures") refuse("option mode must be batches or procedures");
        options.procedures = value == "procedures";
    } else if (name == "packet_size") {
        options.packet_size = parse_packet_size(value);
    } else {
        refuse(fmt::format("unknown option \"{}\" for connector mssql", name));
    }
}

}  // namespace

MssqlOptions parse_mssql_options(const core::Job& job) {
    MssqlOptions options;
    options.host = checked_host(job.host);
    options.port = job.port;
    options.username = job.username;
    options.certificate_name = options.host;
    options.ca_file = system_ca_bundle;
    options.database = "master";
    options.app_name = "pg_vitals";
    if (job.port == 0) refuse("port is missing");
    check_text("username", job.username, max_login_text);
    // An empty name would be an attempt at Kerberos with whatever credentials the process has.
    if (job.username.empty()) refuse("username is empty");
    check_text("password", job.password.reveal(), max_login_text);
    for (const auto& [name, value] : job.options)
        apply_option(options, name, value);
    if (options.tls != TlsMode::require) options.verify = false;
    return options;
}

}  // namespace vitals::prober
