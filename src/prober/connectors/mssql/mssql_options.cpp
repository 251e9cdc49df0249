#include "prober/connectors/mssql/mssql_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/text_rules.h"
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

bool is_not_ascii(char c) {
    return static_cast<unsigned char>(c) >= 0x80U;
}

void check_text(std::string_view what, std::string_view text, std::size_t limit) {
    if (text.size() > limit) refuse(fmt::format("{} is longer than {} bytes", what, limit));
    if (std::any_of(text.begin(), text.end(), core::is_control))
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
    if (host.find('\\') != std::string_view::npos) refuse("host must not contain an instance: that is an option");
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

bool parse_intent(std::string_view text) {
    if (text == "ReadOnly") return true;
    if (text == "ReadWrite") return false;
    refuse("option application_intent must be ReadOnly or ReadWrite");
}

MssqlAuth parse_auth(std::string_view text) {
    if (text == "sql") return MssqlAuth::sql;
    if (text == "ntlm") return MssqlAuth::ntlm;
    if (text == "kerberos") return MssqlAuth::kerberos;
    refuse("option auth must be sql, ntlm or kerberos");
}

// What the Browser is asked for and what its answer is compared with: a name as SQL Server has them.
std::string parse_instance(const std::string& text) {
    constexpr std::size_t longest = 16;
    const auto fits = [](char c) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return letter || (c >= '0' && c <= '9') || c == '_' || c == '$' || c == '#' || is_not_ascii(c);
    };
    if (text.empty() || text.size() > longest * 2 || !std::all_of(text.begin(), text.end(), fits))
        refuse("option instance must be the name of an instance, without the host");
    return text;
}

// FreeTDS chooses the kind of login by the look of the name: what does not fit would be another login than was asked
// for.
void check_login(const MssqlOptions& options) {
    const bool with_domain = options.username.find('\\') != std::string::npos;
    switch (options.auth) {
        case MssqlAuth::sql:
            if (with_domain) refuse("a login with a backslash is one of a domain: option auth must be ntlm");
            break;
        case MssqlAuth::ntlm:
            if (!with_domain || options.username.front() == '\\' || options.username.back() == '\\')
                refuse("option auth = ntlm needs a username of the form DOMAIN\\user");
            break;
        case MssqlAuth::kerberos:
            if (with_domain) refuse("option auth = kerberos needs a username of the form user@REALM");
            break;
    }
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
    } else if (name == "instance") {
        options.instance = parse_instance(value);
    } else if (name == "auth") {
        options.auth = parse_auth(value);
    } else if (name == "application_intent") {
        options.read_only = parse_intent(value);
    } else if (name == "server_spn") {
        check_text("option server_spn", value, max_configuration_text);
        if (value.empty()) refuse("option server_spn is empty");
        options.server_spn = value;
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
    check_text("username", job.username, max_login_text);
    // To FreeTDS an empty name means Kerberos.
    if (job.username.empty()) refuse("username is empty");
    check_text("password", job.password.reveal(), max_login_text);
    if (job.username.find('\\') != std::string::npos) options.auth = MssqlAuth::ntlm;
    for (const auto& [name, value] : job.options)
        apply_option(options, name, value);
    check_login(options);
    if (job.port == 0 && options.instance.empty()) refuse("port and instance are missing");
    if (options.tls != TlsMode::require) options.verify = false;
    return options;
}

}  // namespace vitals::prober
