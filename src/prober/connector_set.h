// The connectors this prober may use, by name.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "prober/connector.h"

namespace vitals::prober {

class ConnectorSet {
  public:
    ConnectorSet() = default;
    // All that there are. allow_local: also the one that shows the machine of the prober, which is a privilege. keytab:
    // for Kerberos logins without a password; empty where there is none.
    static ConnectorSet standard(bool allow_local, const std::string& keytab);

    void add(std::unique_ptr<Connector> connector);
    // Hands a set of definitions to a connector; one for a connector that is not here is ignored.
    void define(std::string_view name, const std::shared_ptr<const core::MetricGroups>& groups);
    // Null for a name that is unknown or not allowed.
    [[nodiscard]] const Connector* find(std::string_view name) const noexcept;

  private:
    std::vector<std::unique_ptr<Connector>> connectors_;
};

}  // namespace vitals::prober
