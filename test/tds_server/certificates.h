// A certificate authority that lives as long as the process, and the certificates it gives to the simulated servers.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "tds_server/tls_layer.h"

namespace tds_server {

enum class CertificateKind { right, wrong_name, expired, self_signed };

std::optional<CertificateKind> certificate_kind_from_text(std::string_view text);

struct CertificateFree {
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};

using Certificate = std::unique_ptr<X509, CertificateFree>;
using PrivateKey = std::unique_ptr<EVP_PKEY, CertificateFree>;

class CertificateAuthority {
  public:
    // Throws TlsError.
    CertificateAuthority();

    void write_pem(const std::string& path) const;
    // Made at the first call for this kind and address; good for localhost, sim.test and the address.
    // strict: for TDS 8, with TLS 1.3 and its name in ALPN.
    TlsContext context(CertificateKind kind, const std::string& address, bool strict = false);

  private:
    TlsContext make_context(CertificateKind kind, const std::string& address, bool strict) const;

    PrivateKey key_;
    Certificate certificate_;
    std::map<std::tuple<CertificateKind, std::string, bool>, TlsContext> contexts_;
};

}  // namespace tds_server
