// A TDS server that a test writes itself, for what the simulator does not do: one conversation after the other, without
// TLS, on loopback.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <string>
#include <string_view>
#include <thread>

#include "prober_child.h"

namespace vitals::prober::test {

// The fields of a LOGIN7 record that tests look at; texts are UTF-16 with the high bytes left out.
struct Login7 {
    std::uint32_t packet_size = 0;
    unsigned type_flags = 0;
    std::string user;
    std::string app_name;
    std::string database;
    std::string sspi;  // bytes
};

class TdsTalk {
  public:
    explicit TdsTalk(int fd) : fd_(fd) {}

    // A whole message without its headers; empty at the end of the connection.
    std::string read_message();
    void send_message(std::string_view body, char type = 4);
    // What is no message.
    void send_bytes(std::string_view bytes);

    // Reads PRELOGIN, answers that there is no encryption, and reads the login.
    Login7 read_login();
    // Tokens that complete a login.
    static std::string login_done();
    // A token that sends the client to another server ([MS-TDS] ENVCHANGE 20).
    static std::string routing(std::uint16_t port, const std::string& host);
    // A token with bytes of an authentication.
    static std::string sspi(std::string_view bytes);

  private:
    int fd_;
};

class ScriptedServer {
  public:
    using Script = std::function<void(TdsTalk&)>;

    // Runs the script for each connection. At most `talks` of them.
    explicit ScriptedServer(Script script, int talks = 1);
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;
    // Waits for the scripts.
    ~ScriptedServer();

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  private:
    void run(const Script& script, int talks);

    Fd listener_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

}  // namespace vitals::prober::test
