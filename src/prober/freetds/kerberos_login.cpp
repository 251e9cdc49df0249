#include "prober/freetds/kerberos_login.h"

#include <fmt/format.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

namespace vitals::prober {

namespace {

using core::ErrorClass;

gss_buffer_desc buffer_of(const std::string& text) {
    // GSSAPI does not write to what it is given.
    return {text.size(), const_cast<char*>(text.data())};
}

class Name {
  public:
    Name() = default;
    explicit Name(gss_name_t name) noexcept : name_(name) {}
    Name(Name&& other) noexcept : name_(std::exchange(other.name_, GSS_C_NO_NAME)) {}
    Name& operator=(Name&&) = delete;
    Name(const Name&) = delete;
    Name& operator=(const Name&) = delete;
    ~Name() {
        OM_uint32 minor = 0;
        if (name_ != GSS_C_NO_NAME) gss_release_name(&minor, &name_);
    }
    [[nodiscard]] gss_name_t get() const noexcept { return name_; }
    gss_name_t* slot() noexcept { return &name_; }

  private:
    gss_name_t name_ = GSS_C_NO_NAME;
};

// What one step brought. Whoever takes it over empties it; what nobody waited for is freed.
struct Step {
    OM_uint32 major = GSS_S_FAILURE;
    OM_uint32 minor = 0;
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    gss_buffer_desc output = GSS_C_EMPTY_BUFFER;
    OM_uint32 flags = 0;
    std::string error;

    Step() = default;
    Step(Step&& other) noexcept
        : major(other.major),
          minor(other.minor),
          context(std::exchange(other.context, GSS_C_NO_CONTEXT)),
          output(std::exchange(other.output, gss_buffer_desc GSS_C_EMPTY_BUFFER)),
          flags(other.flags),
          error(std::move(other.error)) {}
    Step& operator=(Step&&) = delete;
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    ~Step() {
        OM_uint32 ignored = 0;
        if (context != GSS_C_NO_CONTEXT) gss_delete_sec_context(&ignored, &context, GSS_C_NO_BUFFER);
        gss_release_buffer(&ignored, &output);
    }
};

std::string text_of_status(OM_uint32 status, int kind, gss_OID mechanism) {
    std::string text;
    OM_uint32 more = 0;
    do {
        OM_uint32 minor = 0;
        gss_buffer_desc part = GSS_C_EMPTY_BUFFER;
        if (GSS_ERROR(gss_display_status(&minor, status, kind, mechanism, &more, &part)) != 0) break;
        if (!text.empty()) text += "; ";
        text.append(static_cast<const char*>(part.value), part.length);
        gss_release_buffer(&minor, &part);
    } while (more != 0);
    return text;
}

std::string text_of_error(OM_uint32 major, OM_uint32 minor, gss_OID mechanism) {
    const std::string detail = minor != 0 ? text_of_status(minor, GSS_C_MECH_CODE, mechanism) : "";
    return detail.empty() ? text_of_status(major, GSS_C_GSS_CODE, GSS_C_NO_OID) : detail;
}

// libkrb5's own numbers, which GSSAPI passes on.
ErrorClass class_of(OM_uint32 minor) {
    switch (static_cast<krb5_error_code>(minor)) {
        case KRB5_KDC_UNREACH:
        case KRB5_REALM_CANT_RESOLVE:
            return ErrorClass::unreachable;
        case KRB5_CONFIG_CANTOPEN:
        case KRB5_CONFIG_BADFORMAT:
        case KRB5_CONFIG_NODEFREALM:
        case KRB5_REALM_UNKNOWN:
        case KRB5_KT_NOTFOUND:
            return ErrorClass::configuration;
        default:
            return ErrorClass::login;
    }
}

// Of each credential its own: two that meet in one place would use each other's tickets.
std::string new_cache_name() {
    static std::atomic<std::uint64_t> caches{0};
    return fmt::format("MEMORY:vitals_{}", ++caches);
}

// A cache in memory stays until the process ends, unless somebody destroys it.
void destroy_cache(const std::string& name) noexcept {
    krb5_context context = nullptr;
    if (krb5_init_context(&context) != 0) return;
    krb5_ccache cache = nullptr;
    if (krb5_cc_resolve(context, name.c_str(), &cache) == 0) krb5_cc_destroy(context, cache);
    krb5_free_context(context);
}

}  // namespace

struct KerberosLogin::Credential {
    gss_cred_id_t id = GSS_C_NO_CREDENTIAL;
    std::string cache;  // of ours; empty: GSSAPI made one, and destroys it

    Credential() = default;
    Credential(const Credential&) = delete;
    Credential& operator=(const Credential&) = delete;
    ~Credential() {
        OM_uint32 minor = 0;
        if (id != GSS_C_NO_CREDENTIAL) gss_release_cred(&minor, &id);
        if (!cache.empty()) destroy_cache(cache);
    }

    // A ticket of this identity alone, kept in memory alone.
    OM_uint32 acquire(OM_uint32* minor, const KerberosIdentity& identity, gss_OID mechanism) {
        Name name;
        gss_buffer_desc principal = buffer_of(identity.principal);
        const OM_uint32 named = gss_import_name(minor, &principal, GSS_C_NT_USER_NAME, name.slot());
        if (GSS_ERROR(named) != 0) return named;
        gss_OID_set_desc mechanisms{1, mechanism};
        if (!identity.password.empty()) {
            gss_buffer_desc password{identity.password.reveal().size(),
                                     const_cast<char*>(identity.password.reveal_c_str())};
            return gss_acquire_cred_with_password(minor, name.get(), &password, GSS_C_INDEFINITE, &mechanisms,
                                                  GSS_C_INITIATE, &id, nullptr, nullptr);
        }
        if (cache.empty()) cache = new_cache_name();
        std::array<gss_key_value_element_desc, 2> elements{
            {{"client_keytab", identity.keytab.c_str()}, {"ccache", cache.c_str()}}};
        const gss_key_value_set_desc store{elements.size(), elements.data()};
        return gss_acquire_cred_from(minor, name.get(), GSS_C_INDEFINITE, &mechanisms, GSS_C_INITIATE, &store, &id,
                                     nullptr, nullptr);
    }
};

KerberosLogin::KerberosLogin(KerberosIdentity identity, LeftBehind threads)
    : identity_(std::make_shared<const KerberosIdentity>(std::move(identity))), threads_(std::move(threads)) {}

KerberosLogin::~KerberosLogin() = default;

OM_uint32 KerberosLogin::step(OM_uint32* minor, const SecurityContextCall& call, const Deadline& deadline) {
    gss_OID mechanism = call.mechanism != GSS_C_NO_OID ? call.mechanism : const_cast<gss_OID>(gss_mech_krb5);
    Name target;
    const OM_uint32 copied = gss_duplicate_name(minor, call.target, target.slot());
    if (GSS_ERROR(copied) != 0) return copied;
    if (credential_ == nullptr) credential_ = std::make_shared<Credential>();
    // Everything is the thread's from here on: if it is left behind, FreeTDS must not free the context.
    gss_ctx_id_t context = std::exchange(*call.context, GSS_C_NO_CONTEXT);
    std::string input;
    if (call.input != GSS_C_NO_BUFFER) input.assign(static_cast<const char*>(call.input->value), call.input->length);

    auto outcome = threads_.run<Step>(
        [identity = identity_, credential = credential_, target = std::move(target), context, mechanism,
         flags = call.flags, input = std::move(input)] {
            Step step;
            step.context = context;
            step.major = GSS_S_COMPLETE;
            if (credential->id == GSS_C_NO_CREDENTIAL)
                step.major = credential->acquire(&step.minor, *identity, mechanism);
            if (GSS_ERROR(step.major) == 0) {
                gss_buffer_desc token = buffer_of(input);
                step.major =
                    gss_init_sec_context(&step.minor, credential->id, &step.context, target.get(), mechanism, flags, 0,
                                         GSS_C_NO_CHANNEL_BINDINGS, input.empty() ? GSS_C_NO_BUFFER : &token, nullptr,
                                         &step.output, &step.flags, nullptr);
            }
            if (GSS_ERROR(step.major) != 0) step.error = text_of_error(step.major, step.minor, mechanism);
            return step;
        },
        deadline);

    failure_.reset();
    if (outcome.end != LeftBehind::End::done) {
        credential_.reset();
        const bool late = outcome.end == LeftBehind::End::late;
        failure_ = core::Failure{late ? ErrorClass::timeout : ErrorClass::internal, 0,
                                 late ? "Kerberos did not get a ticket in time: a key distribution centre or a name "
                                        "server does not answer"
                                      : "too many Kerberos logins are pending"};
        return GSS_S_FAILURE;
    }
    Step& step = *outcome.result;
    *call.context = std::exchange(step.context, GSS_C_NO_CONTEXT);
    *call.output = std::exchange(step.output, gss_buffer_desc GSS_C_EMPTY_BUFFER);
    if (call.flags_got != nullptr) *call.flags_got = step.flags;
    *minor = step.minor;
    if (GSS_ERROR(step.major) != 0)
        failure_ = core::Failure{class_of(step.minor), 0, "no Kerberos ticket for the login: " + step.error};
    return step.major;
}

}  // namespace vitals::prober
