// vitals.test_connection of a SQL Server: every step is named, and a failed one says what to do.
#include <string>
#include <vector>

#include "mssql_test_support.h"

namespace vitals::prober {
namespace {

core::Result check(const core::Job& job) {
    return Poller().check(job);
}

core::Job patient_job(const SimulatedServers& servers) {
    core::Job job = servers.job();
    job.kind = core::JobKind::check;
    job.metrics = nine_metrics;
    job.deadline = ample_deadline;
    return job;
}

std::vector<std::string> steps_of(const core::Result& result) {
    std::vector<std::string> steps;
    for (const core::Check& step : result.checks)
        steps.push_back((step.ok ? "" : "!") + step.check);
    return steps;
}

std::string detail_of(const core::Result& result, std::string_view step) {
    const core::Check* check = find_check(result, step);
    return check != nullptr ? check->detail : "";
}

std::string remedy_of(const core::Result& result, std::string_view step) {
    const core::Check* check = find_check(result, step);
    return check != nullptr ? check->remedy : "";
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

using Steps = std::vector<std::string>;

TEST(MssqlCheck, EverythingIsFine) {
    SimulatedServers servers({"--replay", "live"});
    const core::Result result = check(patient_job(servers));
    EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
    EXPECT_EQ(steps_of(result), (Steps{"name lookup", "target", "tcp", "tls", "login", "version", "permission",
                                       "group server", "group sysinfo", "group counters", "group files", "group memory",
                                       "group waits", "metrics", "clock"}));
    EXPECT_TRUE(contains(detail_of(result, "group files"), " rows in ")) << detail_of(result, "group files");
    EXPECT_TRUE(contains(detail_of(result, "tls"), "certificate verified for 127.0.0.1")) << detail_of(result, "tls");
    EXPECT_TRUE(contains(detail_of(result, "login"), "encrypted: true")) << detail_of(result, "login");
    EXPECT_TRUE(contains(detail_of(result, "version"), "16.0.4105.2 Enterprise Edition"))
        << detail_of(result, "version");
    EXPECT_TRUE(contains(detail_of(result, "metrics"), "4 of 9 metrics have a value now"))
        << detail_of(result, "metrics");
    for (const core::Check& step : result.checks)
        EXPECT_EQ(step.remedy, "") << step.check;
    EXPECT_TRUE(result.values.empty());
    EXPECT_EQ(result.facts.at("version"), "16.0.4105.2");
}

TEST(MssqlCheck, ClosesItsConnection) {
    SimulatedServers servers;
    Poller poller;
    const core::Job job = patient_job(servers);
    poller.check(job);
    const Deadline deadline = Deadline::after(ample_deadline);
    while (servers.count("open_connections") > 0 && !deadline.passed()) {
    }
    EXPECT_EQ(servers.count("open_connections"), 0U);
}

TEST(MssqlCheck, UnknownHost) {
    SimulatedServers servers;
    core::Job job = patient_job(servers);
    job.host = "no-such-host.invalid";
    const core::Result result = check(job);
    EXPECT_EQ(result.outcome, core::Outcome::failed);
    EXPECT_EQ(steps_of(result), Steps{"!name lookup"});
    EXPECT_TRUE(contains(remedy_of(result, "name lookup"), "check the host name"));
}

TEST(MssqlCheck, ClosedPort) {
    SimulatedServers servers;
    servers.set_fault("refuse");
    const core::Result result = check(patient_job(servers));
    EXPECT_EQ(steps_of(result), (Steps{"name lookup", "target", "!tcp"}));
    EXPECT_TRUE(contains(remedy_of(result, "tcp"), "firewall"));
}

TEST(MssqlCheck, NotASqlServer) {
    SimulatedServers servers;
    servers.set_fault("http");
    const core::Result result = check(patient_job(servers));
    EXPECT_EQ(class_of(result), "protocol");
    EXPECT_TRUE(contains(result.checks.back().remedy, "something else answers there")) << result.checks.back().remedy;
}

TEST(MssqlCheck, WrongName) {
    SimulatedServers servers({"--certificate", "wrong-name"});
    const core::Result result = check(patient_job(servers));
    EXPECT_EQ(steps_of(result), (Steps{"name lookup", "target", "tcp", "!tls"}));
    EXPECT_TRUE(contains(remedy_of(result, "tls"), "hostname_in_certificate")) << remedy_of(result, "tls");
}

TEST(MssqlCheck, Expired) {
    SimulatedServers servers({"--certificate", "expired"});
    EXPECT_TRUE(contains(remedy_of(check(patient_job(servers)), "tls"), "renew the certificate"));
}

TEST(MssqlCheck, UntrustedAuthority) {
    SimulatedServers servers({"--certificate", "self-signed"});
    const std::string remedy = remedy_of(check(patient_job(servers)), "tls");
    EXPECT_TRUE(contains(remedy, "ca_file") && contains(remedy, servers.ca_file())) << remedy;
}

TEST(MssqlCheck, NoEncryption) {
    SimulatedServers servers({"--tls", "off"});
    const core::Result result = check(patient_job(servers));
    EXPECT_EQ(steps_of(result), (Steps{"name lookup", "target", "tcp", "!tls"}));
    EXPECT_TRUE(contains(remedy_of(result, "tls"), "encrypt = request")) << remedy_of(result, "tls");
}

TEST(MssqlCheck, SaysWhenThePasswordWentInTheClear) {
    SimulatedServers servers({"--tls", "off"});
    core::Job job = patient_job(servers);
    job.options["encrypt"] = "off";
    EXPECT_TRUE(contains(detail_of(check(job), "tls"), "the password was sent unencrypted"));
}

TEST(MssqlCheck, WrongPassword) {
    SimulatedServers servers;
    core::Job job = patient_job(servers);
    job.password = core::Secret("wrong");
    const core::Result result = check(job);
    EXPECT_EQ(steps_of(result), (Steps{"name lookup", "target", "tcp", "tls", "!login"}));
    EXPECT_TRUE(contains(remedy_of(result, "login"), "CREATE LOGIN [vitals] WITH PASSWORD"))
        << remedy_of(result, "login");
    EXPECT_EQ(result.failure->number, 18456);
}

// People run what a remedy says.
TEST(MssqlCheck, NamesInRemediesAreQuoted) {
    SimulatedServers servers;
    core::Job job = patient_job(servers);
    for (const auto& [name, quoted] : {std::pair{"a] x", "CREATE LOGIN [a]] x] WITH PASSWORD"},
                                       std::pair{"CORP\\a] x", "CREATE LOGIN [CORP\\a]] x] FROM WINDOWS"}}) {
        job.username = name;
        const std::string remedy = remedy_of(check(job), "login");
        EXPECT_TRUE(contains(remedy, quoted)) << remedy;
    }
}

TEST(MssqlCheck, ScriptUpgrade) {
    SimulatedServers servers;
    servers.set_fault("login-error=18401");
    const core::Result result = check(patient_job(servers));
    EXPECT_EQ(class_of(result), "starting");
    EXPECT_TRUE(contains(remedy_of(result, "login"), "wait until")) << remedy_of(result, "login");
}

TEST(MssqlCheck, NoPermissionNamesTheGrant) {
    SimulatedServers servers({"--replay", "live", "--deny-view-state"});
    const core::Result result = check(patient_job(servers));
    EXPECT_EQ(result.outcome, core::Outcome::partial);
    EXPECT_EQ(class_of(result), "permission");
    EXPECT_EQ(remedy_of(result, "permission"), "USE master; GRANT VIEW SERVER PERFORMANCE STATE TO [vitals]");
    EXPECT_EQ(remedy_of(result, "metrics"), "USE master; GRANT VIEW SERVER PERFORMANCE STATE TO [vitals]");
}

// Also for those that the login may not see: what is missing is named once, and at the group.
TEST(MssqlCheck, EachGroupAndItsPermission) {
    SimulatedServers servers({"--replay", "live", "--deny-view-state"});
    const core::Result result = check(patient_job(servers));
    const core::Check* group = find_check(result, "group waits");
    ASSERT_NE(group, nullptr);
    EXPECT_FALSE(group->ok);
    EXPECT_EQ(group->remedy, "USE master; GRANT VIEW SERVER PERFORMANCE STATE TO [vitals]");
    EXPECT_EQ(remedy_of(result, "group sysinfo"), group->remedy) << "also what the connector reads for itself";
}

TEST(MssqlCheck, ClocksDiffer) {
    SimulatedServers servers({"--replay", "poll1"});
    const core::Result result = check(patient_job(servers));
    EXPECT_EQ(result.outcome, core::Outcome::partial);
    const core::Check* clock = find_check(result, "clock");
    ASSERT_NE(clock, nullptr);
    EXPECT_FALSE(clock->ok);
    EXPECT_TRUE(contains(clock->remedy, "NTP"));
}

TEST(MssqlCheck, SaysWhyTheClocksCannotBeCompared) {
    SimulatedServers servers({"--replay", "live"});
    servers.set_fault("latency=1200");
    core::Job job = patient_job(servers);
    job.metrics = {"clock_skew_ms"};
    const core::Result result = check(job);
    EXPECT_EQ(result.outcome, core::Outcome::ok) << message_of(result);
    EXPECT_EQ(result.facts.count("clock_skew_ms"), 0U);
    EXPECT_TRUE(detail_of(result, "clock").starts_with("not known: the answer took 1")) << detail_of(result, "clock");
}

// --- a group in trouble: what to do depends on the trouble, and on who wrote its statement ---

class MssqlCheckGroup : public testing::Test {
  protected:
    // The check of a group with that name, and the remedy of the whole, which is that of the first group in trouble.
    void expect_remedy(const std::string& definition, const std::string& part) {
        Poller poller(definitions_of({definition}));
        core::Job job = patient_job(servers_);
        job.metrics = {};
        const core::Result result = poller.check(job);
        const core::Check* group = find_check(result, "group mine");
        ASSERT_NE(group, nullptr) << definition;
        EXPECT_FALSE(group->ok) << definition;
        EXPECT_TRUE(contains(group->remedy, part)) << definition << ": " << group->detail << " / " << group->remedy;
        EXPECT_EQ(remedy_of(result, "metrics"), group->remedy) << definition;
    }

    SimulatedServers servers_{{"--replay", "live"}};
};

TEST_F(MssqlCheckGroup, OfATenant) {
    const std::pair<const char*, const char*> cases[]{
        {"SELECT FROM WHERE",
         "run its statement there as [vitals] and correct it: vitals.alter_metric_group('mine', sql"},
        {"EXEC tds_server.raise 8134", "vitals.alter_metric_group('mine', sql"},
        {"SELECT a FROM sys.no_such_view", "vitals.alter_metric_group('mine', variants"},
        {"SELECT 1 AS b", "vitals.alter_metric_group('mine', metrics"},
        {"PRINT 'nothing'", "one SELECT with few rows"},
        {"EXEC tds_server.raise 942", "bring the database online"},
        {"EXEC tds_server.raise 701", "short of memory"},
        {"EXEC tds_server.raise 229", "give [vitals] the right that the message names"}};
    for (const auto& [sql, part] : cases)
        expect_remedy(gauge("mine", sql), part);
}

TEST_F(MssqlCheckGroup, OfTheExtension) {
    const std::pair<const char*, const char*> cases[]{
        {"EXEC tds_server.raise 8134", "look the number of the error up"},
        {"SELECT a FROM sys.no_such_view", "this build of SQL Server lacks what it reads"}};
    for (const auto& [sql, part] : cases)
        expect_remedy(gauge("mine", sql, builtin), part);
}

TEST_F(MssqlCheckGroup, ThatIsTooSlow) {
    servers_.control({{"view", "sys.dm_os_wait_stats"}, {"delay_ms", 3000}});
    nlohmann::json fields{{"timeout_ms", 200}};
    const char* sql = "SELECT COUNT(*) AS a FROM sys.dm_os_wait_stats";
    expect_remedy(gauge("mine", sql, fields), "give it longer: vitals.alter_metric_group('mine', timeout");
    fields.update(builtin);
    expect_remedy(gauge("mine", sql, fields), "sys.dm_exec_requests");
}

TEST_F(MssqlCheckGroup, WithMoreRowsThanAreUsed) {
    Poller poller(definitions_of({gauge("mine", "SELECT wait_type, wait_time_ms AS a FROM sys.dm_os_wait_stats",
                                        {{"row_limit", 3}, {"labels", {"wait_type"}}})}));
    core::Job job = patient_job(servers_);
    job.metrics = {};
    const core::Result result = poller.check(job);
    const core::Check* group = find_check(result, "group mine");
    ASSERT_NE(group, nullptr);
    EXPECT_TRUE(group->ok) << "what is used is right";
    EXPECT_TRUE(contains(group->detail, "of which the first 3 are used")) << group->detail;
    EXPECT_TRUE(contains(group->remedy, "vitals.alter_metric_group('mine', row_limit")) << group->remedy;
}

TEST_F(MssqlCheckGroup, WithoutItsCounters) {
    servers_.control({{"counters", false}});
    const core::Result result = check(patient_job(servers_));
    EXPECT_TRUE(contains(remedy_of(result, "group counters"), "lodctr")) << remedy_of(result, "group counters");
}

TEST_F(MssqlCheckGroup, WithoutTheProcedures) {
    core::Job job = patient_job(servers_);
    job.options["mode"] = "procedures";
    const core::Result result = check(job);
    EXPECT_TRUE(contains(remedy_of(result, "version"), "install_procedures.sql")) << remedy_of(result, "version");
}

TEST(MssqlCheck, WrongSettings) {
    SimulatedServers servers;
    core::Job job = patient_job(servers);
    job.options["encrypt"] = "sometimes";
    const core::Result result = check(job);
    EXPECT_EQ(steps_of(result), Steps{"!configuration"});
    EXPECT_TRUE(contains(detail_of(result, "configuration"), "require, request or off"));
    EXPECT_FALSE(remedy_of(result, "configuration").empty());
}

// Also a check has a deadline: one second here.
TEST(MssqlCheck, EndsInTime) {
    SimulatedServers servers;
    for (const char* fault : {"silent", "silent-after-login", "stall", "drip"}) {
        servers.set_fault(fault);
        core::Job job = servers.job();
        Poller poller;
        const core::Result result = poller.check(job);
        EXPECT_EQ(class_of(result), "timeout") << fault << ": " << message_of(result);
        EXPECT_LE(poller.took(), job.deadline + lateness) << fault;
        ASSERT_FALSE(result.checks.empty());
        EXPECT_FALSE(result.checks.back().ok) << fault;
    }
}

}  // namespace
}  // namespace vitals::prober
