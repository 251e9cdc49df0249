// TLS over memory: the handshake of TDS travels inside PRELOGIN packets, so OpenSSL never sees the socket.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tds_server {

struct OpenSslFree {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};

using TlsContext = std::shared_ptr<SSL_CTX>;

class TlsError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

class TlsLayer {
  public:
    explicit TlsLayer(const TlsContext& context);

    // Takes bytes from the client. Throws TlsError when the handshake or a record fails.
    void receive(std::string_view records);
    bool established() const noexcept;
    // What the client said, decrypted. Throws TlsError.
    std::string read();
    // Encrypts; take_output() has the records.
    void write(std::string_view text);
    std::string take_output();

  private:
    std::unique_ptr<SSL, OpenSslFree> ssl_;
    BIO* incoming_ = nullptr;  // both owned by ssl_
    BIO* outgoing_ = nullptr;
};

}  // namespace tds_server
