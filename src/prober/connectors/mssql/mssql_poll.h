// One poll of a SQL Server: what is due is asked, and the answers become values and the state of each group.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/wire.h"
#include "prober/connectors/mssql/mssql_link.h"
#include "prober/connectors/mssql/mssql_options.h"
#include "prober/connectors/mssql/mssql_plan.h"
#include "prober/connectors/mssql/mssql_prepared.h"
#include "prober/connectors/mssql/mssql_refusals.h"
#include "prober/connectors/mssql/mssql_server.h"
#include "prober/deadline.h"
#include "prober/groups/group_sample.h"

namespace vitals::prober {

// What is kept of a target from poll to poll.
struct MssqlKept {
    std::unique_ptr<TdsConnection> connection;
    std::string encrypted;              // what is known of the connection
    std::optional<MssqlServer> server;  // who answered last; nothing on a new connection
    std::shared_ptr<const MssqlPlan> plan;
    MssqlRefusals refusals;
    MssqlPrepared prepared;
    std::optional<MssqlProcess> process;
    bool ask_cpu_history = false;
    std::set<std::string, std::less<>> batch_stoppers;  // groups that run in a batch of their own within the batch
    MssqlApart apart;
    std::map<std::string, GroupSample, std::less<>> samples;  // by group
};

// Connects if there is no good connection. A poll that read nothing at all has failed, says all the same what it has
// cost, and leaves no connection; that of another may be broken as well. Needs the password, and does no more, where
// the job withholds it and there is no good connection, or it breaks while there is time to begin again.
core::Result poll_mssql(MssqlShared& shared, MssqlKept& kept, const core::Job& job, const MssqlOptions& options,
                        const Deadline& deadline);

}  // namespace vitals::prober
