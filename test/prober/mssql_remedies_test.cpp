// vitals.test_connection where something else than a SQL Server answers, where the connection ends before its time, and
// where the procedures are to blame: what its last rows say. The way up to there is mssql_check_test.cpp's.
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mssql_test_support.h"
#include "scripted_server.h"

namespace vitals::prober {
namespace {

using test::ScriptedServer;
using test::TdsTalk;
using Rows = std::vector<std::string>;

std::string row_of(const core::Check& check) {
    return check.check + " | " + (check.ok ? "t" : "f") + " | " + check.detail + " | " + check.remedy;
}

// The row of a step and what follows.
Rows rows_from(const core::Result& result, std::string_view step) {
    Rows rows;
    for (const core::Check& check : result.checks) {
        if (!rows.empty() || check.check == step) rows.push_back(row_of(check));
    }
    return rows;
}

Rows failed_rows(const core::Result& result) {
    Rows rows;
    for (const core::Check& check : result.checks) {
        if (!check.ok) rows.push_back(row_of(check));
    }
    return rows;
}

core::Job check_of(std::uint16_t port) {
    core::Job job = plain_job(port);
    job.kind = core::JobKind::check;
    return job;
}

core::Job check_of(const SimulatedServers& servers) {
    core::Job job = servers.job();
    job.kind = core::JobKind::check;
    job.deadline = ample_deadline;
    return job;
}

core::Result check_script(const ScriptedServer::Script& script) {
    const ScriptedServer server(script);
    return Poller().check(check_of(server.port()));
}

constexpr const char* no_server =
    "check host and port: what listens there does not answer as a SQL Server does; if it is one, see its error log, "
    "and what is between (a proxy, a firewall)";

constexpr const char* what_ended_it =
    "see in the error log of the server what ended the connection; if it is not there, something between did (a proxy, "
    "a firewall)";

// --- something else answers ---

// Nor was a password sent, whatever was to be encrypted.
TEST(MssqlRemedies, AWebServer) {
    SimulatedServers servers;
    servers.set_fault("http");
    for (const char* encrypt : {"require", "request", "off"}) {
        core::Job job = check_of(servers);
        job.options["encrypt"] = encrypt;
        const core::Result result = Poller().check(job);
        EXPECT_EQ(result.outcome, core::Outcome::failed);
        EXPECT_EQ(
            rows_from(result, "tcp"),
            (Rows{"tcp | t | port " + std::to_string(job.port) + " answers | ",
                  "tls | f | not a SQL Server: it answers with \"HTTP/1.1 400 Bad Request\" | check host and port: "
                  "something else answers there"}))
            << encrypt;
    }
}

TEST(MssqlRemedies, RandomBytes) {
    SimulatedServers servers;
    servers.set_fault("garbage");
    const core::Result result = Poller().check(check_of(servers));
    EXPECT_EQ(class_of(result), "protocol");
    ASSERT_EQ(failed_rows(result).size(), 1U);
    EXPECT_EQ(result.checks.back().check, "tls");
    EXPECT_EQ(result.checks.back().remedy, "check host and port: something else answers there");
}

// It speaks first, as many do.
TEST(MssqlRemedies, ABanner) {
    const core::Result result = check_script([](TdsTalk& talk) {
        talk.send_bytes("SSH-2.0-OpenSSH_9.2\r\n");
        talk.read_message();
    });
    EXPECT_EQ(failed_rows(result),
              (Rows{"tls | f | not a SQL Server: it answers with \"SSH-2.0-OpenSSH_9.2\" | check host and port: "
                    "something else answers there"}));
}

// What does not understand the first message hangs up, or says nothing.
TEST(MssqlRemedies, NoAnswerAtAll) {
    SimulatedServers servers;
    servers.set_fault("plain-prelogin-drop");
    core::Result result = Poller().check(check_of(servers));
    EXPECT_EQ(class_of(result), "connection_lost");
    EXPECT_EQ(failed_rows(result), (Rows{std::string("tls | f | the connection ended after connecting: no answer to "
                                                     "PRELOGIN: closed by the server | ") +
                                         no_server}));
    servers.set_fault("silent");
    core::Job job = check_of(servers);
    job.deadline = std::chrono::milliseconds(300);
    result = Poller().check(job);
    EXPECT_EQ(
        failed_rows(result),
        (Rows{std::string("tls | f | the deadline passed after connecting: no answer to PRELOGIN | ") + no_server}));
}

TEST(MssqlRemedies, NonsenseAfterTheLogin) {
    const core::Result result = check_script([](TdsTalk& talk) {
        talk.read_login();
        talk.send_message("\1nonsense");
        talk.read_message();
    });
    EXPECT_EQ(failed_rows(result),
              (Rows{"login | f | what the server sent while logging in is not understood (bad token) "
                    "| check host and port: something else answers there"}));
}

// --- the connection ends ---

TEST(MssqlRemedies, EndsWithTheLogin) {
    const core::Result result = check_script([](TdsTalk& talk) { talk.read_login(); });
    EXPECT_EQ(class_of(result), "connection_lost");
    EXPECT_EQ(rows_from(result, "tls"),
              (Rows{"tls | t | not used: the password was sent unencrypted | ",
                    "login | f | the connection ended while logging in: closed by the server | "
                    "see in the error log of the server why it ended the connection"}));
}

TEST(MssqlRemedies, EncryptionIsDemanded) {
    SimulatedServers servers({"--tls", "require"});
    core::Job job = check_of(servers);
    job.options["encrypt"] = "off";
    const core::Result result = Poller().check(job);
    EXPECT_EQ(class_of(result), "tls");
    EXPECT_EQ(result.checks.back().remedy, "the server demands encryption: set option encrypt = require");
}

// It agrees to encrypt, and does not.
TEST(MssqlRemedies, EndsInTheHandshake) {
    const ScriptedServer server([](TdsTalk& talk) {
        talk.read_message();
        talk.send_message(std::string("\0\0\x0B\0\6\1\0\x11\0\1\xFF\x0F\0\0\0\0\0\3", 18));
        talk.read_message();
    });
    core::Job job = check_of(server.port());
    job.options["encrypt"] = "require";
    const core::Result result = Poller().check(job);
    EXPECT_EQ(class_of(result), "tls");
    ASSERT_EQ(failed_rows(result).size(), 1U);
    EXPECT_TRUE(failed_rows(result).front().starts_with("tls | f | TLS handshake failed: "))
        << failed_rows(result).front();
    EXPECT_EQ(result.checks.back().remedy, "enable TLS 1.2 on the server, and see its error log");
}

TEST(MssqlRemedies, EndsWithTheFirstAnswer) {
    SimulatedServers servers;
    servers.set_fault("cut");
    const core::Result result = Poller().check(check_of(servers));
    EXPECT_EQ(class_of(result), "connection_lost");
    EXPECT_EQ(
        failed_rows(result),
        (Rows{std::string("login | f | the connection ended while it was answering the query: closed by the server "
                          "| ") +
              what_ended_it}));
}

TEST(MssqlRemedies, FirstAnswerIsNoAnswer) {
    SimulatedServers servers;
    const std::string remedy =
        "check host and port: what answers there logs in as a SQL Server does, and does not answer as one";
    for (const auto& [fault, reason] :
         {std::pair{"wrong-token",
                    "what the server sent while it was answering the query is not understood (bad token)"},
          std::pair{"message-storm", "the server sent more messages than any answer has; cut off"}}) {
        servers.set_fault(fault);
        const core::Result result = Poller().check(check_of(servers));
        EXPECT_EQ(class_of(result), "protocol") << fault;
        EXPECT_EQ(failed_rows(result), (Rows{std::string("login | f | ") + reason + " | " + remedy}));
    }
}

// What the connector reads for itself cannot be left out.
TEST(MssqlRemedies, TheVersionIsNotKnown) {
    SimulatedServers servers;
    const auto remedy_for = [&](const std::string& fault, const char* mode) {
        servers.set_fault(fault);
        core::Job job = check_of(servers);
        job.options["mode"] = mode;
        const core::Result result = Poller().check(job);
        EXPECT_EQ(result.checks.back().check, "version") << fault;
        return result.checks.back().remedy;
    };
    EXPECT_EQ(
        remedy_for("error=208", "batches"),
        "check host and port, and that nothing between changes what is sent: a SQL Server from 2012 on answers this");
    EXPECT_EQ(remedy_for("error=208", "procedures"),
              "run docs/mssql/install_procedures.sql of this version of pg_vitals there as an administrator");
    EXPECT_EQ(remedy_for("error=8134", "batches"),
              "look the number of the error up, and see the error log of the server");
    EXPECT_EQ(remedy_for("error=229", "batches"), "give [vitals] the right that the message names");
    EXPECT_EQ(remedy_for("error=229", "procedures"),
              "let the login execute the procedures there: ALTER ROLE vitals_collector ADD MEMBER [vitals]");
}

// --- a group ---

// Resets the connections each time that one of these batches, counted from the first, waits for a view.
class Disruptor {
  public:
    Disruptor(SimulatedServers& servers, const char* view, std::vector<std::uint64_t> batches) {
        servers.control({{"view", view}, {"delay_ms", 60'000}});
        thread_ = std::thread([&servers, batches = std::move(batches)] {
            const Deadline deadline = Deadline::after(ample_deadline);
            for (const std::uint64_t number : batches) {
                while (servers.count("batches") < number && !deadline.passed()) {
                }
                if (number == batches.back()) servers.control({{"view", ""}});
                servers.control({{"drop", true}});
            }
        });
    }
    Disruptor(const Disruptor&) = delete;
    Disruptor& operator=(const Disruptor&) = delete;
    ~Disruptor() { thread_.join(); }

  private:
    std::thread thread_;
};

// The rows of the first statement fill packets, so that it is seen which group broke the connection.
TEST(MssqlRemedies, OneGroupEndsTheConnection) {
    const char* sql = "SELECT wait_type AS a FROM sys.dm_os_wait_stats; SELECT count(*) AS b FROM sys.dm_os_schedulers";
    const std::string detail = "the connection ended while it was answering the query: closed by the server";
    const std::string remedy =
        "see in the error log of the server what ended the connection; leave the group out of metrics_enabled if it "
        "does "
        "so again";
    for (const nlohmann::json& origin : {nlohmann::json::object(), builtin}) {
        SimulatedServers servers({"--replay", "live"});
        Poller poller(definitions_of({gauge("first", "SELECT 1 AS a", builtin), gauge("mine", sql, origin),
                                      gauge("next", "SELECT 1 AS a", builtin)}));
        const Disruptor disruptor(servers, "sys.dm_os_schedulers", {3});
        const core::Result result = poller.check(check_of(servers));
        EXPECT_EQ(result.outcome, core::Outcome::partial);
        EXPECT_EQ(failed_rows(result), (Rows{"group mine | f | " + detail + " | " + remedy,
                                             "metrics | f | group mine: " + detail + " | " + remedy}));
        const core::Check* next = find_check(result, "group next");
        ASSERT_NE(next, nullptr);
        EXPECT_TRUE(next->ok) << "those behind it are asked again";
    }
}

// Which of the statements did it is not known when none was answered, the second time neither.
TEST(MssqlRemedies, TheConnectionEndsBeforeAnyGroup) {
    SimulatedServers servers({"--replay", "live"});
    Poller poller(definitions_of({gauge("mine", "SELECT 1 AS a", builtin)}));
    core::Result result;
    {
        const Disruptor disruptor(servers, "sys.dm_os_sys_info", {3, 5});
        result = poller.check(check_of(servers));
    }
    EXPECT_EQ(class_of(result), "connection_lost");
    const core::Check* own = find_check(result, "group sysinfo");
    ASSERT_NE(own, nullptr);
    EXPECT_FALSE(own->ok);
    EXPECT_EQ(own->remedy, what_ended_it);
    const core::Check* mine = find_check(result, "group mine");
    ASSERT_NE(mine, nullptr);
    EXPECT_FALSE(mine->ok);
}

TEST(MssqlRemedies, AGroupWithoutAResultSet) {
    SimulatedServers servers({"--replay", "live"});
    Poller poller(definitions_of({gauge("mine", "PRINT 'nothing'", builtin)}));
    const core::Result result = poller.check(check_of(servers));
    EXPECT_EQ(failed_rows(result).front(),
              "group mine | f | the statement gave no result set | its answer cannot be used: "
              "leave the group out of metrics_enabled");
}

}  // namespace
}  // namespace vitals::prober
