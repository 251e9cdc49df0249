// The certificates of the authorities that a server's certificate is checked against, loaded once per file and shared
// by all connections. FreeTDS parses and keeps them per connection: 3.9 MB and 6.4 ms for the system's bundle, which is
// 3.9 GB for a thousand servers.
#pragma once

#include <gnutls/x509.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

namespace vitals::prober {

// Read only after loading, hence safe to share between threads.
class TrustList {
  public:
    // Loads a PEM file. Throws std::runtime_error when it cannot be read or holds no certificate.
    explicit TrustList(const std::string& path);

    // Verifies a chain as the server sent it (DER, leaf first). Returns gnutls' status bits, 0 for trusted; a negative
    // gnutls error when the chain cannot be parsed.
    [[nodiscard]] int verify(std::span<const gnutls_datum_t> chain, unsigned& status) const;

  private:
    struct Free {
        void operator()(gnutls_x509_trust_list_t list) const noexcept { gnutls_x509_trust_list_deinit(list, 1); }
    };
    std::unique_ptr<gnutls_x509_trust_list_st, Free> list_;
};

// Hands out the list of a file and loads it again when the file has changed, so that a renewed bundle needs no restart.
// A list that nobody uses any more is freed.
class TrustCache {
  public:
    // Throws as TrustList does.
    std::shared_ptr<const TrustList> get(const std::string& path);

  private:
    struct Version {
        dev_t device = 0;
        ino_t inode = 0;
        off_t size = 0;
        std::int64_t modified_ns = 0;
        bool operator==(const Version&) const = default;
    };
    struct Entry {
        Version version;
        std::weak_ptr<const TrustList> list;
    };
    static Version version_of(const std::string& path);

    std::mutex mutex_;
    std::map<std::string, Entry> entries_;
};

}  // namespace vitals::prober
