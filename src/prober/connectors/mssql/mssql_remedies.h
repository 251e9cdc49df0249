// What a person can do about a step of a connection test that failed.
#pragma once

#include <string>
#include <string_view>

#include "core/metric_group.h"
#include "core/wire.h"
#include "prober/connectors/mssql/mssql_options.h"
#include "prober/connectors/mssql/mssql_server.h"
#include "prober/freetds/connection_guard.h"

namespace vitals::prober {

std::string remedy_for_tls(const MssqlOptions& options, const Observation& seen);
std::string remedy_for_kerberos(const core::Failure& failure);
// Where nothing was heard that a SQL Server says.
std::string remedy_for_opening(const core::Failure& failure);
std::string remedy_for_login(const core::Failure& failure, const MssqlOptions& options);
// For what comes behind the login, before anything was read.
std::string remedy_for_session(const core::Failure& failure);
// The statement to run on that server, as its version understands it.
std::string remedy_for_permission(std::string_view permission, const MssqlServer& server, const MssqlOptions& options);
// For a group that failed, but not for want of a permission. nullptr: what the connector reads for itself.
std::string remedy_for_group(const core::Failure& failure, const core::MetricGroup* group, const MssqlOptions& options);
// For a group with more rows than are used.
std::string remedy_for_rows(const core::MetricGroup& group);

}  // namespace vitals::prober
