// One client's talk with a simulated server above the packets: the login, then one reply for each request. No network.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tds_server/client_request.h"
#include "tds_server/engine.h"
#include "tds_server/integrated_login.h"
#include "tds_server/login_record.h"
#include "tds_server/reply_encoder.h"
#include "tds_server/tds_packet.h"

namespace tds_server {

struct Account {
    std::string login = "vitals";
    std::string password = "vitals";
    std::string administrator = "sa";  // has the same password
    std::string domain;                // of Windows logins; empty: any
    std::string keytab;                // that Kerberos tickets are verified with; empty: none is believed
};

class Conversation {
  public:
    Conversation(Engine& engine, const Account& account, std::string_view server_name, std::uint16_t spid);

    struct LoginReply {
        bool accepted = false;
        bool goes_on = false;  // the client has to send another message of NTLM or Kerberos
        std::string tokens;
    };
    // forced_error: what the login fails with, 0 to judge it. Throws ProtocolError.
    LoginReply log_in(std::string_view payload, bool encrypted, int forced_error);
    LoginReply continue_login(std::string_view token);

    // The tokens of the reply to a batch, a procedure call, a transaction request. Throws ProtocolError.
    EncodedReply answer(const ClientMessage& request);
    std::string error_reply(int number) const;
    std::string done_reply(std::uint16_t status) const;

    TdsVersion version() const noexcept { return login_.version; }
    // Replies after the one to the login use it.
    std::size_t packet_size() const noexcept { return packet_size_; }
    const ClientContext& client() const noexcept { return client_; }
    const LoginRecord& login() const noexcept { return login_; }
    // What a Kerberos ticket was for.
    const std::string& service() const noexcept { return service_; }
    // As when somebody else used the connection in between.
    void forget_prepared() noexcept { client_.prepared.clear(); }
    // Where the two ends are, and 8 random bytes.
    void set_ends(const std::string& client_address, int local_port, std::string challenge);

  private:
    std::optional<ServerMessage> judge(int forced_error);
    std::string welcome() const;
    std::string failure(const ServerMessage& error) const;
    LoginReply finish_login();
    EncodedReply answer_rpc(const RpcRequest& request);
    std::string answer_transaction(TransactionStep step);
    EncodedReply run_prepared(const std::string& sql, const RpcRequest& request, std::size_t first_argument,
                              std::int32_t new_handle);
    EncodedReply execute_prepared(const RpcRequest& request);

    Engine& engine_;
    const Account& account_;
    std::string_view server_name_;
    LoginRecord login_;
    IntegratedLogin::Accounts accounts_;
    std::unique_ptr<IntegratedLogin> integrated_;
    std::string challenge_;
    std::string service_;
    ClientContext client_;
    std::size_t packet_size_ = default_packet_size;

    std::uint64_t transaction_ = 0;
    std::uint64_t last_transaction_ = 0;
};

}  // namespace tds_server
