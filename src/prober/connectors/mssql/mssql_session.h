// One monitored SQL Server: its kept connection and the sample that the next rates are computed from.
#pragma once

#include <sodium.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "prober/connector.h"
#include "prober/connectors/mssql/mssql_link.h"
#include "prober/connectors/mssql/mssql_sample.h"

namespace vitals::prober {

class MssqlSession : public Session {
  public:
    explicit MssqlSession(std::shared_ptr<MssqlShared> shared);

    core::Result poll(const core::Job& job, const Deadline& deadline) override;
    core::Result check(const core::Job& job, const Deadline& deadline) override;
    core::Result probe(const core::Job& job, const Deadline& deadline) override;

  private:
    using Fingerprint = std::array<unsigned char, crypto_generichash_BYTES>;
    using Key = std::array<unsigned char, crypto_generichash_KEYBYTES>;

    core::Result poll_or_throw(const core::Job& job, const Deadline& deadline);
    void connect(const core::Job& job, const MssqlOptions& options, const Deadline& deadline);
    MssqlReading read(const core::Job& job, const MssqlOptions& options, const std::vector<MssqlGroup>& groups,
                      const Deadline& deadline);
    [[nodiscard]] Fingerprint fingerprint_of(const core::Job& job) const;

    std::shared_ptr<MssqlShared> shared_;
    Key key_{};  // of this session alone, so that the kept fingerprint says nothing about the password
    Fingerprint fingerprint_{};
    std::unique_ptr<TdsConnection> connection_;
    std::string encrypted_;  // what is known of the kept connection
    std::optional<MssqlSample> before_;
    bool ask_cpu_history_ = false;
};

}  // namespace vitals::prober
