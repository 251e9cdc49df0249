// gnutls functions that libsybdb calls and that the prober defines itself (interposed_libc.cpp says how). FreeTDS
// reports every TLS failure as "connection failed"; these record why. They also replace the per-connection copy of the
// authorities' certificates by the shared TrustList.
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "prober/freetds/connection_guard.h"
#include "prober/freetds/interposed.h"

namespace vitals::prober {

extern "C" {
[[gnu::visibility("default")]] int vitals_handshake(gnutls_session_t session) __asm__("gnutls_handshake");
[[gnu::visibility("default")]] int vitals_verify_peers2(gnutls_session_t session,
                                                        unsigned* status) __asm__("gnutls_certificate_verify_peers2");
[[gnu::visibility("default")]] int vitals_system_trust(gnutls_certificate_credentials_t credentials) __asm__(
    "gnutls_certificate_set_x509_system_trust");
[[gnu::visibility("default")]] unsigned vitals_check_hostname(gnutls_x509_crt_t certificate, const char* name) __asm__(
    "gnutls_x509_crt_check_hostname");

int vitals_handshake(gnutls_session_t session) {
    static const auto real = next_definition<decltype(gnutls_handshake)>("gnutls_handshake");
    GuardScope* scope = GuardScope::active();
    if (scope == nullptr) return real(session);
    Observation& seen = scope->guard().seen;
    seen.handshake_started = true;
    seen.handshake_code = real(session);
    seen.handshake_done = seen.handshake_code == 0;
    return seen.handshake_code;
}

int vitals_verify_peers2(gnutls_session_t session, unsigned* status) {
    static const auto real =
        next_definition<decltype(gnutls_certificate_verify_peers2)>("gnutls_certificate_verify_peers2");
    GuardScope* scope = GuardScope::active();
    if (scope == nullptr || scope->guard().trust() == nullptr) return real(session, status);
    unsigned size = 0;
    const gnutls_datum_t* chain = gnutls_certificate_get_peers(session, &size);
    if (chain == nullptr) return GNUTLS_E_NO_CERTIFICATE_FOUND;
    const int code = scope->guard().trust()->verify({chain, size}, *status);
    if (code >= 0) scope->guard().seen.verify_status = *status;
    return code;
}

// FreeTDS verifies only after it has loaded a CA file. Nothing is loaded here: without the shared list every
// certificate would be refused, so a mistake cannot make anything trusted.
int vitals_system_trust(gnutls_certificate_credentials_t credentials) {
    static const auto real =
        next_definition<decltype(gnutls_certificate_set_x509_system_trust)>("gnutls_certificate_set_x509_system_trust");
    GuardScope* scope = GuardScope::active();
    if (scope == nullptr || scope->guard().trust() == nullptr) return real(credentials);
    return 1;
}

unsigned vitals_check_hostname(gnutls_x509_crt_t certificate, const char* name) {
    static const auto real =
        next_definition<decltype(gnutls_x509_crt_check_hostname)>("gnutls_x509_crt_check_hostname");
    const unsigned matches = real(certificate, name);
    if (GuardScope* scope = GuardScope::active()) scope->guard().seen.name_matches = matches != 0;
    return matches;
}
}

}  // namespace vitals::prober
