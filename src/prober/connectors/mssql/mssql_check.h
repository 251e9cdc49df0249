// Tests the way to a SQL Server step by step, for a person whose connection does not work: what was tried, what came of
// it, and which statement or setting changes it.
#pragma once

#include "core/wire.h"
#include "prober/connectors/mssql/mssql_link.h"
#include "prober/deadline.h"

namespace vitals::prober {

// Checks, in this order: name lookup, browser (where it must be asked), target, tcp, tls, login, version, permission
// (each that a group needs), each group, metrics, clock. The list ends with the first step without which the next ones
// cannot be tried. A failed one has a remedy; so has a group with more rows than are used. Uses a connection of its
// own. The outcome is ok when every check is, partial when the login worked, failed otherwise.
core::Result check_mssql(MssqlShared& shared, const core::Job& job, const Deadline& deadline);

}  // namespace vitals::prober
