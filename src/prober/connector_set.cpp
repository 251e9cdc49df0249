#include "prober/connector_set.h"

#include <utility>

#include "prober/connectors/local/local_connector.h"
#include "prober/connectors/mssql/mssql_connector.h"

namespace vitals::prober {

ConnectorSet ConnectorSet::standard(bool allow_local, const std::string& keytab) {
    ConnectorSet set;
    set.add(make_mssql_connector(keytab));
    if (allow_local) set.add(make_local_connector());
    return set;
}

void ConnectorSet::add(std::unique_ptr<Connector> connector) {
    connectors_.push_back(std::move(connector));
}

void ConnectorSet::define(std::string_view name, const std::shared_ptr<const core::MetricGroups>& groups) {
    for (const auto& connector : connectors_) {
        if (connector->name() == name) connector->define(groups);
    }
}

const Connector* ConnectorSet::find(std::string_view name) const noexcept {
    for (const auto& connector : connectors_) {
        if (connector->name() == name) return connector.get();
    }
    return nullptr;
}

}  // namespace vitals::prober
