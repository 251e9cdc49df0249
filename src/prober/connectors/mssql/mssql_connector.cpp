#include "prober/connectors/mssql/mssql_connector.h"

#include <stdexcept>
#include <utility>

#include "prober/connectors/mssql/mssql_session.h"

namespace vitals::prober {

namespace {

// More at once only happens when the resolver does not answer; each costs a thread until it gives up.
constexpr int max_name_lookups = 64;

class MssqlConnector : public Connector {
  public:
    explicit MssqlConnector(std::string keytab)
        : shared_(std::make_shared<MssqlShared>(NameResolver(max_name_lookups), std::move(keytab))) {
        if (sodium_init() < 0) throw std::runtime_error("cannot initialise libsodium");
    }

    [[nodiscard]] std::string_view name() const noexcept override { return "mssql"; }
    void define(std::shared_ptr<const core::MetricGroups> groups) override { shared_->plans.define(std::move(groups)); }
    [[nodiscard]] std::unique_ptr<Session> open_session() const override {
        return std::make_unique<MssqlSession>(shared_);
    }

  private:
    std::shared_ptr<MssqlShared> shared_;
};

}  // namespace

std::unique_ptr<Connector> make_mssql_connector(std::string keytab) {
    return std::make_unique<MssqlConnector>(std::move(keytab));
}

}  // namespace vitals::prober
