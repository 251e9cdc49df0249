// The statement that gives a login a permission that a metric group needs: what the version understands, for a person
// to run as administrator of that server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vitals::prober {

// A name as T-SQL takes any: "[" and "]" around it, each "]" of it twice.
std::string in_brackets(std::string_view name);

// permission: as a group names it, for example "VIEW SERVER STATE" or "SELECT on msdb.dbo.sysjobs and sysjobactivity".
// One that no statement is known for is repeated.
std::string grant_statement(std::string_view permission, int major_version, std::int64_t engine_edition,
                            std::string_view login);

}  // namespace vitals::prober
