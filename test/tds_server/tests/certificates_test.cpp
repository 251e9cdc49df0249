// The certificates, seen by a TLS client that checks them; client and server talk through memory.
#include "tds_server/certificates.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace tds_server {
namespace {

class Client {
  public:
    Client(const std::string& ca_file, const std::string& host)
        : context_(SSL_CTX_new(TLS_client_method())), ssl_(nullptr) {
        EXPECT_EQ(SSL_CTX_load_verify_locations(context_.get(), ca_file.c_str(), nullptr), 1);
        ssl_.reset(SSL_new(context_.get()));
        SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_verify(ssl_.get(), SSL_VERIFY_NONE, nullptr);
        const bool is_address = host.find_first_not_of("0123456789.") == std::string::npos;
        if (is_address)
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str());
        else
            SSL_set1_host(ssl_.get(), host.c_str());
        SSL_set_connect_state(ssl_.get());
    }

    std::string step(const std::string& records) {
        BIO_write(SSL_get_rbio(ssl_.get()), records.data(), static_cast<int>(records.size()));
        SSL_do_handshake(ssl_.get());
        std::string out(static_cast<std::size_t>(BIO_ctrl_pending(SSL_get_wbio(ssl_.get()))), '\0');
        if (!out.empty()) BIO_read(SSL_get_wbio(ssl_.get()), out.data(), static_cast<int>(out.size()));
        return out;
    }
    std::string write(const std::string& text) {
        SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
        return step("");
    }
    bool established() const { return SSL_is_init_finished(ssl_.get()) != 0; }
    long verdict() const { return SSL_get_verify_result(ssl_.get()); }

  private:
    std::unique_ptr<SSL_CTX, OpenSslFree> context_;
    std::unique_ptr<SSL, OpenSslFree> ssl_;
};

class CertificatesTest : public testing::Test {
  protected:
    CertificatesTest() { authority_.write_pem(ca_file_); }
    ~CertificatesTest() override { std::filesystem::remove(ca_file_); }

    long verdict(CertificateKind kind, const std::string& host) {
        TlsLayer server(authority_.context(kind, "127.1.0.1"));
        Client client(ca_file_, host);
        std::string to_server = client.step("");
        for (int i = 0; i < 4 && !(server.established() && client.established()); ++i) {
            server.receive(to_server);
            to_server = client.step(server.take_output());
        }
        EXPECT_TRUE(server.established());
        return client.verdict();
    }

    CertificateAuthority authority_;
    std::string ca_file_ = testing::TempDir() + "tds_server_ca_" + std::to_string(getpid()) + ".pem";
};

TEST_F(CertificatesTest, TheRightOneIsGoodForAllNames) {
    for (const char* host : {"localhost", "sim.test", "127.0.0.1", "127.1.0.1"})
        EXPECT_EQ(verdict(CertificateKind::right, host), X509_V_OK) << host;
    EXPECT_EQ(verdict(CertificateKind::right, "example.org"), X509_V_ERR_HOSTNAME_MISMATCH);
}

TEST_F(CertificatesTest, TheOthersFailForTheirReason) {
    EXPECT_EQ(verdict(CertificateKind::wrong_name, "localhost"), X509_V_ERR_HOSTNAME_MISMATCH);
    EXPECT_EQ(verdict(CertificateKind::expired, "localhost"), X509_V_ERR_CERT_HAS_EXPIRED);
    EXPECT_EQ(verdict(CertificateKind::self_signed, "localhost"), X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
}

TEST_F(CertificatesTest, TextIsCarriedAfterTheHandshake) {
    TlsLayer server(authority_.context(CertificateKind::right, "127.0.0.1"));
    Client client(ca_file_, "localhost");
    server.receive(client.step(""));
    server.receive(client.step(server.take_output()));
    client.step(server.take_output());
    server.receive(client.write("question"));
    EXPECT_EQ(server.read(), "question");
}

TEST_F(CertificatesTest, WhatIsNoTlsFails) {
    TlsLayer server(authority_.context(CertificateKind::right, "127.0.0.1"));
    EXPECT_THROW(server.receive("GET / HTTP/1.1\r\n\r\n"), TlsError);
}

}  // namespace
}  // namespace tds_server
