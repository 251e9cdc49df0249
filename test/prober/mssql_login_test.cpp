// Ways to fail before the first query, and that nothing secret leaves in the clear.
#include <string>

#include "mssql_test_support.h"

namespace vitals::prober {
namespace {

core::Job patient_job(const SimulatedServers& servers) {
    core::Job job = servers.job();
    job.deadline = ample_deadline;
    return job;
}

void expect_failed(const core::Result& result, const std::string& error_class, const std::string& message) {
    EXPECT_EQ(result.outcome, core::Outcome::failed);
    EXPECT_EQ(class_of(result), error_class) << message_of(result);
    EXPECT_NE(message_of(result).find(message), std::string::npos) << message_of(result);
}

void expect_nothing_in_the_clear(SimulatedServers& servers) {
    EXPECT_EQ(servers.count("plain_text_batches"), 0U);
    EXPECT_EQ(servers.count("plain_text_logins"), 0U);
}

TEST(MssqlLogin, WrongPassword) {
    SimulatedServers servers;
    core::Job job = patient_job(servers);
    job.password = core::Secret("nearly-right");
    const core::Result result = Poller().poll(job);
    expect_failed(result, "login", "login failed for user \"vitals\"");
    EXPECT_EQ(result.failure->number, 18456);
    EXPECT_EQ(message_of(result).find("nearly-right"), std::string::npos);
    EXPECT_EQ(servers.count("failed_logins"), 1U) << "one attempt: more would lock the account";
}

TEST(MssqlLogin, UnknownHost) {
    SimulatedServers servers;
    core::Job job = patient_job(servers);
    job.host = "no-such-host.invalid";
    expect_failed(Poller().poll(job), "name_lookup", "no-such-host.invalid");
}

TEST(MssqlLogin, ClosedPort) {
    std::uint16_t port = 0;
    core::Job job;
    {
        SimulatedServers servers;
        job = patient_job(servers);
        port = servers.port();
        // The CA file goes with the servers.
        job.options.erase("ca_file");
    }
    expect_failed(Poller().poll(job), "refused", "nothing listens on 127.0.0.1 port " + std::to_string(port));
}

TEST(MssqlLogin, ByNameAndByAddress) {
    SimulatedServers servers;
    core::Job job = patient_job(servers);
    for (const char* host : {"localhost", "127.0.0.1", "[127.0.0.1]"}) {
        job.host = host;
        EXPECT_EQ(message_of(Poller().poll(job)), "") << host;
    }
    expect_nothing_in_the_clear(servers);
}

TEST(MssqlTls, WrongName) {
    SimulatedServers servers({"--certificate", "wrong-name"});
    const core::Job job = patient_job(servers);
    expect_failed(Poller().poll(job), "tls", "not made out to \"127.0.0.1\"");
    EXPECT_EQ(servers.count("logins") + servers.count("failed_logins"), 0U);
}

TEST(MssqlTls, NameGivenByOption) {
    SimulatedServers servers;
    core::Job job = patient_job(servers);
    job.options["hostname_in_certificate"] = "sim.test";
    EXPECT_EQ(message_of(Poller().poll(job)), "");
    job.options["hostname_in_certificate"] = "other.test";
    expect_failed(Poller().poll(job), "tls", "not made out to \"other.test\"");
}

TEST(MssqlTls, Expired) {
    SimulatedServers servers({"--certificate", "expired"});
    expect_failed(Poller().poll(patient_job(servers)), "tls", "it has expired");
}

TEST(MssqlTls, SelfSigned) {
    SimulatedServers servers({"--certificate", "self-signed"});
    expect_failed(Poller().poll(patient_job(servers)), "tls", "unknown CA");
}

TEST(MssqlTls, UntrustedAuthority) {
    SimulatedServers servers;
    core::Job job = patient_job(servers);
    job.options["ca_file"] = VITALS_FIXTURES "/other-ca.pem";
    expect_failed(Poller().poll(job), "tls", "unknown CA");
    EXPECT_EQ(servers.count("logins") + servers.count("failed_logins"), 0U);
}

// The authority of other servers has the same name and another key.
TEST(MssqlTls, ImpostorOfTheAuthority) {
    SimulatedServers servers;
    const SimulatedServers others;
    core::Job job = patient_job(servers);
    job.options["ca_file"] = others.ca_file();
    expect_failed(Poller().poll(job), "tls", "its signature is not valid");
    EXPECT_EQ(servers.count("logins") + servers.count("failed_logins"), 0U);
}

TEST(MssqlTls, UnusableCaFile) {
    SimulatedServers servers;
    core::Job job = patient_job(servers);
    job.options["ca_file"] = "/no/such/ca.pem";
    expect_failed(Poller().poll(job), "configuration", "/no/such/ca.pem");
}

TEST(MssqlTls, ServerWithoutEncryption) {
    SimulatedServers servers({"--tls", "off"});
    expect_failed(Poller().poll(patient_job(servers)), "tls", "offers no encryption");
    expect_nothing_in_the_clear(servers);
}

// Someone in between answers that only the login is encrypted: FreeTDS would go on in plain text.
TEST(MssqlTls, DowngradeSendsNothingInTheClear) {
    SimulatedServers servers;
    servers.set_fault("encrypt-downgrade");
    expect_failed(Poller().poll(patient_job(servers)), "tls", "plain text");
    expect_nothing_in_the_clear(servers);
    EXPECT_EQ(servers.count("batches"), 0U);
}

TEST(MssqlTls, DroppedPreloginIsNotRetriedInTheClear) {
    SimulatedServers servers;
    servers.set_fault("plain-prelogin-drop");
    const core::Result result = Poller().poll(patient_job(servers));
    EXPECT_EQ(result.outcome, core::Outcome::failed);
    EXPECT_EQ(class_of(result), "connection_lost") << message_of(result);
    expect_nothing_in_the_clear(servers);
}

TEST(MssqlTls, ModesOfTheServer) {
    for (const char* mode : {"login-only", "request", "require"}) {
        SimulatedServers servers({"--tls", mode});
        const core::Result result = Poller().poll(patient_job(servers));
        EXPECT_EQ(message_of(result), "") << mode;
        if (result.failure) continue;
        EXPECT_EQ(result.facts.at("encrypted"), "true") << mode;
        expect_nothing_in_the_clear(servers);
    }
}

TEST(MssqlTls, WeakerModesOnRequest) {
    SimulatedServers servers({"--tls", "off"});
    for (const char* mode : {"off", "request"}) {
        core::Job job = patient_job(servers);
        job.options["encrypt"] = mode;
        const core::Result result = Poller().poll(job);
        EXPECT_EQ(message_of(result), "") << mode;
        if (result.failure) continue;
        EXPECT_EQ(result.facts.at("encrypted"), "false") << mode;
    }
    EXPECT_GT(servers.count("plain_text_batches"), 0U) << "the simulator can tell";
}

TEST(MssqlTls, UnverifiedOnRequest) {
    SimulatedServers servers({"--certificate", "self-signed"});
    core::Job job = patient_job(servers);
    job.options["trust_server_certificate"] = "true";
    const core::Result result = Poller().poll(job);
    EXPECT_EQ(message_of(result), "");
    expect_nothing_in_the_clear(servers);
}

// What a client may be asked for in its environment must not weaken or redirect a connection.
TEST(MssqlLogin, EnvironmentOfFreetdsIsIgnored) {
    for (const char* name : {"TDSVER", "TDSPORT", "TDSHOST", "FREETDSCONF", "FREETDS", "DSQUERY"})
        EXPECT_EQ(getenv(name), nullptr) << name;  // NOLINT(concurrency-mt-unsafe): no thread changes it
}

}  // namespace
}  // namespace vitals::prober
