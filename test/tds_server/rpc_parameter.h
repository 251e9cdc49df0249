// One parameter of a procedure call, turned into a T-SQL literal: the engine knows batches only.
#pragma once

#include "tds_server/byte_reader.h"
#include "tds_server/client_request.h"

namespace tds_server {

// Throws ProtocolError for broken data and for types that have no decoder here.
RpcParameter read_rpc_parameter(ByteReader& reader);

}  // namespace tds_server
