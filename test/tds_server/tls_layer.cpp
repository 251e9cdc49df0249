#include "tds_server/tls_layer.h"

#include <openssl/err.h>

#include <array>

namespace tds_server {

namespace {

[[noreturn]] void fail(const char* what) {
    std::array<char, 256> reason{};
    ERR_error_string_n(ERR_get_error(), reason.data(), reason.size());
    ERR_clear_error();
    throw TlsError(std::string(what) + ": " + reason.data());
}

}  // namespace

TlsLayer::TlsLayer(const TlsContext& context) : ssl_(SSL_new(context.get())) {
    if (!ssl_) fail("cannot make a TLS session");
    incoming_ = BIO_new(BIO_s_mem());
    outgoing_ = BIO_new(BIO_s_mem());
    if (incoming_ == nullptr || outgoing_ == nullptr) {
        BIO_free(incoming_);
        BIO_free(outgoing_);
        fail("cannot make a TLS buffer");
    }
    SSL_set_bio(ssl_.get(), incoming_, outgoing_);
    SSL_set_accept_state(ssl_.get());
}

void TlsLayer::receive(std::string_view records) {
    BIO_write(incoming_, records.data(), static_cast<int>(records.size()));
    if (established()) return;
    const int result = SSL_do_handshake(ssl_.get());
    if (result != 1 && SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) fail("TLS handshake");
}

bool TlsLayer::established() const noexcept {
    return SSL_is_init_finished(ssl_.get()) != 0;
}

std::string TlsLayer::read() {
    std::string text;
    std::array<char, 16384> buffer{};
    while (true) {
        std::size_t count = 0;
        const int result = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &count);
        if (result == 1) {
            text.append(buffer.data(), count);
            continue;
        }
        const int error = SSL_get_error(ssl_.get(), result);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN) fail("TLS record");
        return text;
    }
}

void TlsLayer::write(std::string_view text) {
    std::size_t written = 0;
    if (!text.empty() && SSL_write_ex(ssl_.get(), text.data(), text.size(), &written) != 1) fail("TLS write");
}

std::string TlsLayer::take_output() {
    std::string records(static_cast<std::size_t>(BIO_ctrl_pending(outgoing_)), '\0');
    if (!records.empty()) BIO_read(outgoing_, records.data(), static_cast<int>(records.size()));
    return records;
}

}  // namespace tds_server
