// Windows authentication in LOGIN7: NTLM against the account's password, Kerberos against a keytab.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace tds_server {

struct IntegratedStep {
    enum class State { goes_on, accepted, refused };
    State state = State::refused;
    std::string token;    // for the client
    std::string user;     // DOMAIN\user, or user@REALM
    std::string scheme;   // NTLM, KERBEROS
    std::string service;  // what a Kerberos ticket is for
};

class IntegratedLogin {
  public:
    struct Accounts {
        std::string login;
        std::string password;
        std::string domain;  // empty: any
        std::string keytab;  // empty: no ticket is believed
    };

    IntegratedLogin(const Accounts& accounts, std::string computer, std::string challenge);
    IntegratedLogin(const IntegratedLogin&) = delete;
    IntegratedLogin& operator=(const IntegratedLogin&) = delete;
    ~IntegratedLogin();

    // Throws ProtocolError.
    IntegratedStep step(std::string_view token);

  private:
    class Kerberos;
    IntegratedStep ntlm_step(std::string_view token);
    IntegratedStep kerberos_step(std::string_view token);

    const Accounts& accounts_;
    std::string computer_;
    std::string challenge_;
    bool challenged_ = false;
    std::unique_ptr<Kerberos> kerberos_;
};

// The service of the ticket in an AP-REQ, as it stands there in clear: "MSSQLSvc/host:port"; empty if there is none.
std::string service_in_ticket(std::string_view token);

}  // namespace tds_server
