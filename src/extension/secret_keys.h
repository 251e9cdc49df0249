// The cluster's key pair, and the sealing of secrets with it (libsodium sealed boxes).
//
// Sessions seal with the public key, which stands in shared memory. The private key is a file that only collectors
// read (vitals.key_file, mode 0600, made on the first start). A secret is sealed together with the tenant and the
// credential it is for, so that a tenant who copies another's ciphertext into its own table cannot have the collector
// open it and send it to a server of the tenant's choice.
#pragma once

#include <sodium.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "core/secret.h"
#include "pg/pg.h"

namespace vitals::ext {

constexpr std::size_t most_secret_bytes = 1000;

// The private half, in a collector's memory: locked, out of core dumps, wiped in the end.
class SecretKeys {
  public:
    // Reads the key file, or makes it if there is none, and publishes the public key. Throws std::runtime_error with a
    // message for the log: unreadable, wrong size, too open a mode.
    explicit SecretKeys(const char* path);
    SecretKeys(const SecretKeys&) = delete;
    SecretKeys& operator=(const SecretKeys&) = delete;
    ~SecretKeys();

    // Opens a sealed secret. owner: as it was given to seal_secret. Throws std::runtime_error if it was sealed for
    // another key, tenant or credential.
    [[nodiscard]] core::Secret open(const std::string& sealed, std::string_view owner) const;

  private:
    unsigned char* private_key_;  // of sodium_malloc
    std::array<unsigned char, crypto_box_PUBLICKEYBYTES> public_key_{};
};

// The session's side: seals for an owner (a text of at most 400 bytes that names tenant and credential). Returns a
// palloc'd bytea. Errors: 22023 longer than most_secret_bytes, PT503 no collector has published a key yet.
bytea* seal_secret(const char* owner, const text* secret);

// For the table of shared areas.
Size secret_keys_size();
void secret_keys_init(void* memory, bool found);

}  // namespace vitals::ext
