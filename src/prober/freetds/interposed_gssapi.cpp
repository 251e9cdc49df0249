// The function of GSSAPI in which libsybdb would wait without a deadline and use the process's own tickets; the prober
// defines it itself (interposed_libc.cpp says how).
#include <gssapi/gssapi.h>

#include "prober/freetds/connection_guard.h"
#include "prober/freetds/interposed.h"
#include "prober/freetds/kerberos_login.h"

namespace vitals::prober {

extern "C" {
[[gnu::visibility("default")]] OM_uint32 vitals_init_sec_context(
    OM_uint32* minor, gss_cred_id_t credential, gss_ctx_id_t* context, gss_name_t target, gss_OID mechanism,
    OM_uint32 flags, OM_uint32 seconds, gss_channel_bindings_t bindings, gss_buffer_t input, gss_OID* mechanism_got,
    gss_buffer_t output, OM_uint32* flags_got, OM_uint32* seconds_got) __asm__("gss_init_sec_context");

OM_uint32 vitals_init_sec_context(OM_uint32* minor, gss_cred_id_t credential, gss_ctx_id_t* context, gss_name_t target,
                                  gss_OID mechanism, OM_uint32 flags, OM_uint32 seconds,
                                  gss_channel_bindings_t bindings, gss_buffer_t input, gss_OID* mechanism_got,
                                  gss_buffer_t output, OM_uint32* flags_got, OM_uint32* seconds_got) {
    static const auto real = next_definition<decltype(gss_init_sec_context)>("gss_init_sec_context");
    GuardScope* scope = GuardScope::active();
    if (scope == nullptr)
        return real(minor, credential, context, target, mechanism, flags, seconds, bindings, input, mechanism_got,
                    output, flags_got, seconds_got);
    const auto& kerberos = scope->guard().surroundings().kerberos;
    // No login of ours asks for Kerberos without an identity; the process's own is nobody's.
    if (kerberos == nullptr) {
        *minor = 0;
        return GSS_S_NO_CRED;
    }
    const SecurityContextCall call{.context = context,
                                   .target = target,
                                   .mechanism = mechanism,
                                   .flags = flags,
                                   .input = input,
                                   .output = output,
                                   .flags_got = flags_got};
    const OM_uint32 status = kerberos->step(minor, call, scope->deadline());
    if (kerberos->failure()) scope->guard().seen.kerberos_failure = kerberos->failure();
    return status;
}
}

}  // namespace vitals::prober
