// The host as a target: keeps the sample that the next rates are computed from.
#pragma once

#include <optional>

#include "prober/connector.h"
#include "prober/connectors/local/local_sample.h"

namespace vitals::prober {

class LocalSession : public Session {
  public:
    explicit LocalSession(LocalSources sources);

    core::Result poll(const core::Job& job, const Deadline& deadline) override;
    core::Result check(const core::Job& job, const Deadline& deadline) override;

  private:
    LocalSources sources_;
    std::optional<LocalSample> before_;
};

}  // namespace vitals::prober
