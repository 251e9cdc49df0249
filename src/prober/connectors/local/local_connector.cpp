#include "prober/connectors/local/local_connector.h"

#include <utility>

#include "prober/connectors/local/local_session.h"

namespace vitals::prober {

namespace {

class LocalConnector : public Connector {
  public:
    explicit LocalConnector(LocalSources sources) : sources_(std::move(sources)) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "local"; }
    [[nodiscard]] std::unique_ptr<Session> open_session() const override {
        return std::make_unique<LocalSession>(sources_);
    }

  private:
    LocalSources sources_;
};

}  // namespace

std::unique_ptr<Connector> make_local_connector() {
    return make_local_connector(host_sources());
}

std::unique_ptr<Connector> make_local_connector(LocalSources sources) {
    return std::make_unique<LocalConnector>(std::move(sources));
}

}  // namespace vitals::prober
