#include "tds_server/certificates.h"

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <cstdio>

namespace tds_server {

namespace {

constexpr long one_day = 86'400;
constexpr long validity = 30 * one_day;

template <typename Pointer>
void require(const Pointer& made, const char* what) {
    if (!made) throw TlsError(what);
}

PrivateKey make_key() {
    PrivateKey key(EVP_EC_gen("P-256"));
    require(key, "cannot make a key");
    return key;
}

void add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
    X509V3_CTX context{};
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
    require(extension, "cannot make a certificate extension");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

struct CertificatePlan {
    std::string common_name;
    long starts = -one_day;
    long ends = validity;
    std::string names;  // subjectAltName; none: an authority
};

Certificate make_certificate(const CertificatePlan& plan, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
    Certificate certificate(X509_new());
    require(certificate, "cannot make a certificate");
    X509_set_version(certificate.get(), X509_VERSION_3);
    std::uint32_t serial = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), static_cast<long>(serial >> 1) + 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), plan.starts);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), plan.ends);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(plan.common_name.c_str()), -1, -1, 0);
    X509* signer = issuer != nullptr ? issuer : certificate.get();
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
    const bool authority = plan.names.empty();
    add_extension(certificate.get(), signer, NID_basic_constraints, authority ? "critical,CA:TRUE" : "CA:FALSE");
    add_extension(certificate.get(), signer, NID_key_usage,
                  authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    add_extension(certificate.get(), signer, NID_subject_key_identifier, "hash");
    if (!authority) {
        add_extension(certificate.get(), signer, NID_ext_key_usage, "serverAuth");
        add_extension(certificate.get(), signer, NID_subject_alt_name, plan.names);
    }
    if (X509_sign(certificate.get(), issuer_key != nullptr ? issuer_key : key, EVP_sha256()) == 0)
        throw TlsError("cannot sign a certificate");
    return certificate;
}

CertificatePlan plan_for(CertificateKind kind, const std::string& address) {
    CertificatePlan plan{"localhost", -one_day, validity, "DNS:localhost,DNS:sim.test,IP:127.0.0.1"};
    if (address != "127.0.0.1") plan.names += ",IP:" + address;
    if (kind == CertificateKind::wrong_name) {
        plan.common_name = "other.test";
        plan.names = "DNS:other.test";
    } else if (kind == CertificateKind::expired) {
        plan.starts = -validity;
        plan.ends = -one_day;
    }
    return plan;
}

int choose_tds8(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                unsigned offered_size, void*) {
    static constexpr std::string_view protocol("\x07tds/8.0");
    unsigned char* found = nullptr;
    const int result = SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(protocol.data()),
                                             protocol.size(), offered, offered_size);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

std::optional<CertificateKind> certificate_kind_from_text(std::string_view text) {
    if (text == "right") return CertificateKind::right;
    if (text == "wrong-name") return CertificateKind::wrong_name;
    if (text == "expired") return CertificateKind::expired;
    if (text == "self-signed") return CertificateKind::self_signed;
    return std::nullopt;
}

CertificateAuthority::CertificateAuthority()
    : key_(make_key()),
      certificate_(make_certificate({"Authority of the simulated servers", -validity, validity, {}}, key_.get(),
                                    nullptr, nullptr)) {}

void CertificateAuthority::write_pem(const std::string& path) const {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"), &std::fclose);
    if (!file || PEM_write_X509(file.get(), certificate_.get()) != 1)
        throw TlsError(fmt::format("cannot write the certificate to \"{}\"", path));
}

TlsContext CertificateAuthority::context(CertificateKind kind, const std::string& address, bool strict) {
    TlsContext& context = contexts_[{kind, address, strict}];
    if (!context) context = make_context(kind, address, strict);
    return context;
}

TlsContext CertificateAuthority::make_context(CertificateKind kind, const std::string& address, bool strict) const {
    const PrivateKey key = make_key();
    const bool self_signed = kind == CertificateKind::self_signed;
    const Certificate certificate =
        make_certificate(plan_for(kind, address), key.get(), self_signed ? nullptr : certificate_.get(),
                         self_signed ? nullptr : key_.get());
    TlsContext context(SSL_CTX_new(TLS_server_method()), OpenSslFree{});
    require(context, "cannot make a TLS context");
    // TDS 7 wraps the handshake, and TLS 1.3 has handshake messages after it: SQL Server offers 1.2 here too.
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(context.get(), strict ? TLS1_3_VERSION : TLS1_2_VERSION);
    if (strict) SSL_CTX_set_alpn_select_cb(context.get(), choose_tds8, nullptr);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate(context.get(), certificate.get()) != 1 ||
        SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1)
        throw TlsError("cannot use the certificate");
    return context;
}

}  // namespace tds_server
