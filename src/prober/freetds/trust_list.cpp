#include "prober/freetds/trust_list.h"

#include <fmt/format.h>
#include <gnutls/gnutls.h>
#include <sys/stat.h>

#include <array>
#include <stdexcept>
#include <system_error>

namespace vitals::prober {

namespace {

// A longer chain is an attack on our time; real ones have two to four certificates.
constexpr std::size_t max_chain = 16;

class Chain {
  public:
    Chain() = default;
    Chain(const Chain&) = delete;
    Chain& operator=(const Chain&) = delete;
    ~Chain() {
        for (std::size_t i = 0; i < size_; ++i)
            gnutls_x509_crt_deinit(certificates_.at(i));
    }

    int import(const gnutls_datum_t& der) {
        gnutls_x509_crt_t certificate = nullptr;
        int code = gnutls_x509_crt_init(&certificate);
        if (code < 0) return code;
        certificates_.at(size_++) = certificate;
        return gnutls_x509_crt_import(certificate, &der, GNUTLS_X509_FMT_DER);
    }
    gnutls_x509_crt_t* data() { return certificates_.data(); }
    [[nodiscard]] unsigned size() const { return static_cast<unsigned>(size_); }

  private:
    std::array<gnutls_x509_crt_t, max_chain> certificates_{};
    std::size_t size_ = 0;
};

}  // namespace

TrustList::TrustList(const std::string& path) {
    gnutls_x509_trust_list_t list = nullptr;
    if (gnutls_x509_trust_list_init(&list, 0) < 0) throw std::bad_alloc();
    list_.reset(list);
    const int loaded = gnutls_x509_trust_list_add_trust_file(list, path.c_str(), nullptr, GNUTLS_X509_FMT_PEM, 0, 0);
    if (loaded < 0) throw std::runtime_error(fmt::format("cannot load the CA file: {}", gnutls_strerror(loaded)));
    if (loaded == 0) throw std::runtime_error("the CA file holds no certificate");
}

int TrustList::verify(std::span<const gnutls_datum_t> chain, unsigned& status) const {
    if (chain.empty() || chain.size() > max_chain) return GNUTLS_E_NO_CERTIFICATE_FOUND;
    Chain certificates;
    for (const gnutls_datum_t& der : chain) {
        const int code = certificates.import(der);
        if (code < 0) return code;
    }
    return gnutls_x509_trust_list_verify_crt2(list_.get(), certificates.data(), certificates.size(), nullptr, 0, 0,
                                              &status, nullptr);
}

std::shared_ptr<const TrustList> TrustCache::get(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const Version version = version_of(path);
    const auto found = entries_.find(path);
    if (found != entries_.end() && found->second.version == version) {
        if (auto list = found->second.list.lock()) return list;
    }
    std::erase_if(entries_, [](const auto& entry) { return entry.second.list.expired(); });
    auto list = std::make_shared<const TrustList>(path);
    entries_[path] = Entry{version, list};
    return list;
}

TrustCache::Version TrustCache::version_of(const std::string& path) {
    struct stat found {};
    if (stat(path.c_str(), &found) != 0)
        throw std::runtime_error(fmt::format("cannot read the CA file: {}", std::generic_category().message(errno)));
    constexpr std::int64_t ns = 1'000'000'000;
    return {found.st_dev, found.st_ino, found.st_size, found.st_mtim.tv_sec * ns + found.st_mtim.tv_nsec};
}

}  // namespace vitals::prober
