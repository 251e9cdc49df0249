// The T-SQL that is sent. Everything is plain SELECT on catalog views: no temporary table, no procedure, no XML on the
// server, no setting of the server changed; filters are on the server, arithmetic is ours.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "prober/connectors/mssql/mssql_metric.h"

namespace vitals::prober {

// Sent once after each login: session settings of a polite client, and what the server says of this connection.
std::string session_batch();

// One batch with one statement per group. The first column of each result set is named like its group (group_name).
std::string poll_batch(const std::vector<MssqlGroup>& groups);

std::string_view group_name(MssqlGroup group) noexcept;

// First column of the result set of session_batch().
constexpr std::string_view session_set_name = "session";

}  // namespace vitals::prober
