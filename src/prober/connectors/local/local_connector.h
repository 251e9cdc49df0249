// The connector "local": CPU, memory, load, file systems, disks and network of the host that PostgreSQL runs on, from
// /proc and statvfs.
#pragma once

#include <memory>

#include "prober/connector.h"
#include "prober/connectors/local/local_sample.h"

namespace vitals::prober {

std::unique_ptr<Connector> make_local_connector();

// With other sources than the host's own.
std::unique_ptr<Connector> make_local_connector(LocalSources sources);

}  // namespace vitals::prober
