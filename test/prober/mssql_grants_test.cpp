// The statements that the preflight tells people to run.
#include "prober/connectors/mssql/mssql_grants.h"

#include <gtest/gtest.h>

namespace vitals::prober {
namespace {

constexpr std::int64_t standard = 2;
constexpr std::int64_t azure = 5;
constexpr std::int64_t managed = 8;

TEST(MssqlGrants, ServerStateByVersion) {
    EXPECT_EQ(grant_statement("VIEW SERVER STATE", 15, standard, "vitals"),
              "USE master; GRANT VIEW SERVER STATE TO [vitals]");
    EXPECT_EQ(grant_statement("VIEW SERVER STATE", 16, standard, "vitals"),
              "USE master; GRANT VIEW SERVER PERFORMANCE STATE TO [vitals]");
    EXPECT_EQ(grant_statement("VIEW SERVER STATE", 12, azure, "vitals"),
              "ALTER SERVER ROLE ##MS_ServerStateReader## ADD MEMBER [vitals]");
    EXPECT_EQ(grant_statement("VIEW SERVER STATE", 12, managed, "vitals"),
              "USE master; GRANT VIEW SERVER STATE TO [vitals]");
    EXPECT_EQ(grant_statement("VIEW DATABASE STATE", 12, azure, "vitals"), "GRANT VIEW DATABASE STATE TO [vitals]");
}

TEST(MssqlGrants, Others) {
    EXPECT_EQ(grant_statement("VIEW ANY DEFINITION", 11, standard, "CORP\\vitals"),
              "USE master; GRANT VIEW ANY DEFINITION TO [CORP\\vitals]");
    EXPECT_EQ(grant_statement("SELECT on msdb.dbo.backupset", 11, standard, "v"),
              "USE msdb; CREATE USER [v] FOR LOGIN [v]; GRANT SELECT ON dbo.backupset TO [v]");
    EXPECT_EQ(grant_statement("SELECT on msdb.dbo.sysjobs, sysjobservers and sysjobactivity", 11, standard, "v"),
              "USE msdb; CREATE USER [v] FOR LOGIN [v]; GRANT SELECT ON dbo.sysjobs TO [v]; GRANT SELECT ON "
              "dbo.sysjobservers TO [v]; GRANT SELECT ON dbo.sysjobactivity TO [v]");
    EXPECT_EQ(grant_statement("membership in the role x", 11, standard, "v"), "grant membership in the role x to [v]");
}

TEST(MssqlGrants, NamesAreQuoted) {
    EXPECT_EQ(grant_statement("VIEW ANY DEFINITION", 11, standard, "a] TO public; --"),
              "USE master; GRANT VIEW ANY DEFINITION TO [a]] TO public; --]");
}

}  // namespace
}  // namespace vitals::prober
