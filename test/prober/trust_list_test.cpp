// The shared lists of authorities: loaded once, loaded again when the file changes, freed when unused.
#include "prober/freetds/trust_list.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>

#include "simulated_servers.h"

namespace vitals::prober {
namespace {

std::string content_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class TrustListTest : public testing::Test {
  protected:
    static void SetUpTestSuite() { servers_ = std::make_unique<SimulatedServers>(); }
    static void TearDownTestSuite() { servers_.reset(); }

    static std::string ca_file() { return servers_->ca_file(); }
    TemporaryDirectory directory_;

  private:
    static inline std::unique_ptr<SimulatedServers> servers_;
};

// A self-signed authority is its own chain.
TEST_F(TrustListTest, TrustsWhatItHolds) {
    const std::string pem = content_of(ca_file());
    gnutls_datum_t text{};
    text.data = reinterpret_cast<unsigned char*>(const_cast<char*>(pem.data()));
    text.size = static_cast<unsigned>(pem.size());
    gnutls_datum_t der{};
    ASSERT_EQ(gnutls_pem_base64_decode2("CERTIFICATE", &text, &der), 0);
    const std::unique_ptr<unsigned char, decltype(gnutls_free)> owner(der.data, gnutls_free);

    const TrustList list(ca_file());
    unsigned status = 1;
    EXPECT_EQ(list.verify({&der, 1}, status), 0);
    EXPECT_EQ(status, 0U);

    const TrustList foreign(VITALS_FIXTURES "/other-ca.pem");
    EXPECT_EQ(foreign.verify({&der, 1}, status), 0);
    EXPECT_NE(status & GNUTLS_CERT_SIGNER_NOT_FOUND, 0U);
}

TEST_F(TrustListTest, RefusesChainsItCannotRead) {
    const TrustList list(ca_file());
    unsigned status = 0;
    EXPECT_LT(list.verify({}, status), 0);
    std::string noise = "not a certificate";
    const gnutls_datum_t der{reinterpret_cast<unsigned char*>(noise.data()), static_cast<unsigned>(noise.size())};
    EXPECT_LT(list.verify({&der, 1}, status), 0);
    const std::vector<gnutls_datum_t> endless(17, der);
    EXPECT_LT(list.verify(endless, status), 0);
}

TEST_F(TrustListTest, FilesThatAreNoList) {
    EXPECT_THROW(TrustList("/no/such/file"), std::runtime_error);
    EXPECT_THROW(TrustList(directory_.write("empty.pem", "")), std::runtime_error);
    EXPECT_THROW(TrustList(directory_.write("noise.pem", "noise\n")), std::runtime_error);
}

TEST_F(TrustListTest, CacheSharesAndReloads) {
    TrustCache cache;
    const std::string path = directory_.write("ca.pem", content_of(ca_file()));
    const auto first = cache.get(path);
    EXPECT_EQ(cache.get(path), first);
    directory_.write("ca.pem", content_of(ca_file()) + "\n");
    const auto second = cache.get(path);
    EXPECT_NE(second, first);
    EXPECT_EQ(cache.get(path), second);
}

TEST_F(TrustListTest, CacheKeepsNothingAlive) {
    TrustCache cache;
    const std::weak_ptr<const TrustList> list = cache.get(ca_file());
    EXPECT_TRUE(list.expired());
}

TEST_F(TrustListTest, CacheReportsMissingFiles) {
    TrustCache cache;
    EXPECT_THROW(cache.get("/no/such/file"), std::runtime_error);
}

}  // namespace
}  // namespace vitals::prober
