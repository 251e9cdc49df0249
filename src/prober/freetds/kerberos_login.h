// A Kerberos login for one connection. FreeTDS would use whatever ticket the process happens to have and wait for key
// distribution centres as long as libkrb5 likes: here the credential is the job's own, and the wait ends at the
// deadline.
#pragma once

#include <gssapi/gssapi.h>

#include <memory>
#include <optional>
#include <string>

#include "core/secret.h"
#include "core/wire.h"
#include "prober/deadline.h"
#include "prober/freetds/left_behind.h"

namespace vitals::prober {

// Who logs in. The ticket is got with the password, or with the keytab where that is empty.
struct KerberosIdentity {
    std::string principal;  // name@REALM, or a name of the default realm
    core::Secret password;
    std::string keytab;
};

// The arguments of gss_init_sec_context() that matter here.
struct SecurityContextCall {
    gss_ctx_id_t* context = nullptr;
    gss_name_t target = GSS_C_NO_NAME;
    gss_OID mechanism = GSS_C_NO_OID;
    OM_uint32 flags = 0;
    gss_buffer_t input = GSS_C_NO_BUFFER;
    gss_buffer_t output = GSS_C_NO_BUFFER;
    OM_uint32* flags_got = nullptr;
};

class KerberosLogin {
  public:
    KerberosLogin(KerberosIdentity identity, LeftBehind threads);
    ~KerberosLogin();
    KerberosLogin(const KerberosLogin&) = delete;
    KerberosLogin& operator=(const KerberosLogin&) = delete;

    // What gss_init_sec_context() does, with this identity and by the deadline. Returns its status.
    OM_uint32 step(OM_uint32* minor, const SecurityContextCall& call, const Deadline& deadline);

    // Why the last step failed.
    [[nodiscard]] const std::optional<core::Failure>& failure() const noexcept { return failure_; }

  private:
    struct Credential;
    std::shared_ptr<const KerberosIdentity> identity_;
    LeftBehind threads_;
    std::shared_ptr<Credential> credential_;
    std::optional<core::Failure> failure_;
};

}  // namespace vitals::prober
