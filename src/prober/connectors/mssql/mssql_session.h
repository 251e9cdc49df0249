// One monitored SQL Server: its kept connection and the samples that the next differences are computed from.
#pragma once

#include <sodium.h>

#include <array>
#include <memory>

#include "prober/connector.h"
#include "prober/connectors/mssql/mssql_link.h"
#include "prober/connectors/mssql/mssql_poll.h"

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

    [[nodiscard]] Fingerprint fingerprint_of(const core::Job& job) const;

    std::shared_ptr<MssqlShared> shared_;
    Key key_{};  // of this session alone, so that the kept fingerprint says nothing about the password
    Fingerprint fingerprint_{};
    MssqlKept kept_;
};

}  // namespace vitals::prober
