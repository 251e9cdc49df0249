#include "tds_server/integrated_login.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>

#include <cctype>
#include <utility>

#include "tds_server/byte_reader.h"
#include "tds_server/ntlm.h"
#include "tds_server/tsql_lexer.h"

namespace tds_server {

namespace {

std::string text_of(gss_name_t name) {
    OM_uint32 minor = 0;
    gss_buffer_desc buffer = GSS_C_EMPTY_BUFFER;
    if (gss_display_name(&minor, name, &buffer, nullptr) != GSS_S_COMPLETE) return {};
    std::string text(static_cast<const char*>(buffer.value), buffer.length);
    gss_release_buffer(&minor, &buffer);
    return text;
}

}  // namespace

// The acceptor's side of a GSS context.
class IntegratedLogin::Kerberos {
  public:
    explicit Kerberos(const std::string& keytab) {
        OM_uint32 minor = 0;
        gss_key_value_element_desc element{"keytab", keytab.c_str()};
        gss_key_value_set_desc store{1, &element};
        if (!keytab.empty())
            gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, GSS_C_NO_OID_SET, GSS_C_ACCEPT, &store,
                                  &credential_, nullptr, nullptr);
    }
    Kerberos(const Kerberos&) = delete;
    Kerberos& operator=(const Kerberos&) = delete;
    ~Kerberos() {
        OM_uint32 minor = 0;
        gss_delete_sec_context(&minor, &context_, GSS_C_NO_BUFFER);
        gss_release_cred(&minor, &credential_);
    }

    IntegratedStep step(std::string_view token) {
        IntegratedStep result;
        result.scheme = "KERBEROS";
        result.service = service_in_ticket(token);
        if (credential_ == GSS_C_NO_CREDENTIAL) return result;
        OM_uint32 minor = 0;
        gss_buffer_desc input{token.size(), const_cast<char*>(token.data())};
        gss_buffer_desc output = GSS_C_EMPTY_BUFFER;
        gss_name_t client = GSS_C_NO_NAME;
        const OM_uint32 major =
            gss_accept_sec_context(&minor, &context_, credential_, &input, GSS_C_NO_CHANNEL_BINDINGS, &client, nullptr,
                                   &output, nullptr, nullptr, nullptr);
        result.token.assign(static_cast<const char*>(output.value), output.length);
        if (client != GSS_C_NO_NAME) result.user = text_of(client);
        gss_release_buffer(&minor, &output);
        gss_release_name(&minor, &client);
        if (GSS_ERROR(major) != 0) return result;
        result.state =
            (major & GSS_S_CONTINUE_NEEDED) != 0 ? IntegratedStep::State::goes_on : IntegratedStep::State::accepted;
        return result;
    }

  private:
    gss_cred_id_t credential_ = GSS_C_NO_CREDENTIAL;
    gss_ctx_id_t context_ = GSS_C_NO_CONTEXT;
};

IntegratedLogin::IntegratedLogin(const Accounts& accounts, std::string computer, std::string challenge)
    : accounts_(accounts), computer_(std::move(computer)), challenge_(std::move(challenge)) {}
IntegratedLogin::~IntegratedLogin() = default;

IntegratedStep IntegratedLogin::step(std::string_view token) {
    return is_ntlm(token) ? ntlm_step(token) : kerberos_step(token);
}

IntegratedStep IntegratedLogin::ntlm_step(std::string_view token) {
    IntegratedStep result;
    result.scheme = "NTLM";
    if (!std::exchange(challenged_, true)) {
        result.state = IntegratedStep::State::goes_on;
        result.token = ntlm_challenge(challenge_, accounts_.domain.empty() ? "SIMULATED" : accounts_.domain, computer_);
        return result;
    }
    const auto answer = parse_ntlm_answer(token);
    if (!answer) return result;
    result.user = answer->domain + "\\" + answer->user;
    const bool known = same_text(answer->user, accounts_.login) &&
                       (accounts_.domain.empty() || same_text(answer->domain, accounts_.domain));
    if (known && ntlm_verifies(*answer, challenge_, accounts_.password)) result.state = IntegratedStep::State::accepted;
    return result;
}

IntegratedStep IntegratedLogin::kerberos_step(std::string_view token) {
    if (!kerberos_) kerberos_ = std::make_unique<Kerberos>(accounts_.keytab);
    return kerberos_->step(token);
}

// sname is two GeneralStrings in a row: the tag 0x1B, a length, the text.
std::string service_in_ticket(std::string_view token) {
    constexpr std::string_view tag_and_name("\x1B\x08MSSQLSvc", 10);
    const std::size_t at = token.find(tag_and_name);
    if (at == std::string_view::npos) return {};
    ByteReader reader(token.substr(at + tag_and_name.size()));
    constexpr std::uint8_t general_string = 0x1B;
    if (reader.left() < 2 || reader.u8() != general_string) return "MSSQLSvc";
    const std::size_t length = reader.u8();
    if (length > reader.left()) return "MSSQLSvc";
    return "MSSQLSvc/" + std::string(reader.raw(length));
}

}  // namespace tds_server
