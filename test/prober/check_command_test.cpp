// The program in a person's hands: version, help, wrong usage, and what a failed connection test says.
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "core/wire.h"
#include "prober/deadline.h"
#include "prober/exit_code.h"
#include "prober_child.h"
#include "simulated_servers.h"
#include "temporary_directory.h"

namespace vitals::prober::test {
namespace {

using Words = std::vector<std::string>;

ProberChild::Output run(const Words& words) {
    return ProberChild::with_pipes(words).finish();
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

class CheckCommand : public testing::Test {
  protected:
    ProberChild::Output check(const std::string& host, int port, Words more = {}) const {
        Words words{"check",  "mssql",  "--host",          host,         "--port", std::to_string(port),
                    "--user", "vitals", "--password-file", password_file};
        words.insert(words.end(), more.begin(), more.end());
        return run(words);
    }

    TemporaryDirectory directory;
    std::string password_file = directory.write("password", "geheim\n");
    ClosedPort closed;
};

TEST(Program, TellsItsVersionAndThatOfFreeTds) {
    const auto output = run({"--version"});
    EXPECT_EQ(output.exit_code, exit_ok);
    EXPECT_TRUE(output.out.starts_with("vitals_prober " VITALS_VERSION ", FreeTDS 1.")) << output.out;
    EXPECT_EQ(output.err, "");
}

TEST(Program, HelpsWithExamples) {
    for (const Words& words : {Words{"--help"}, Words{"serve", "--help"}, Words{"check", "mssql", "--help"}}) {
        const auto output = run(words);
        EXPECT_EQ(output.exit_code, exit_ok);
        EXPECT_TRUE(contains(output.out, "Usage:")) << output.out;
    }
    EXPECT_TRUE(contains(run({"--help"}).out, "vitals_prober check mssql --host"));
}

TEST(Program, RefusesWrongUsage) {
    const std::vector<Words> wrong{{"--nonsense"},
                                   {"nonsense"},
                                   {"check"},
                                   {"check", "nonsense"},
                                   {"check", "mssql"},
                                   {"check", "mssql", "--host", "h"},
                                   {"check", "mssql", "--host", "h", "--user", "u", "--port", "0"},
                                   {"check", "mssql", "--host", "h", "--user", "u", "--port", "65536"},
                                   {"check", "mssql", "--host", "h", "--user", "u", "--encrypt", "perhaps"},
                                   {"check", "mssql", "--host", "h", "--user", "u", "--auth", "trust"},
                                   {"check", "mssql", "--host", "h", "--user", "u", "--application-intent", "Write"},
                                   {"check", "mssql", "--host", "h", "--user", "u", "--packet-size", "511"},
                                   {"check", "mssql", "--host", "h", "--user", "u", "--packet-size", "32768"},
                                   {"check", "mssql", "--host", "h", "--user", "u", "--ca-file", "/no/such"},
                                   {"serve", "--threads", "0"},
                                   {"serve", "--memory-limit", "much"}};
    for (const Words& words : wrong) {
        const auto output = run(words);
        EXPECT_EQ(output.exit_code, exit_usage) << words.back();
        EXPECT_FALSE(output.err.empty()) << words.back();
    }
}

// Every user of the machine can read a command line.
TEST(Program, TakesNoPasswordOnTheCommandLine) {
    for (const char* option : {"--password", "-p", "--password=geheim"}) {
        const auto output = run({"check", "mssql", "--host", "h", "--user", "u", option, "geheim"});
        EXPECT_EQ(output.exit_code, exit_usage) << option;
    }
}

class CheckServer : public CheckCommand {
  protected:
    CheckServer() { directory.write("password", std::string(servers.job().password.reveal()) + "\r\nanother line\n"); }
    // With today's clock, which is one of the steps.
    SimulatedServers servers{{"--replay", "live"}};
};

TEST_F(CheckServer, PassesEveryStep) {
    const auto output = check("127.0.0.1", servers.port(), {"--ca-file", servers.ca_file(), "--timeout-ms", "20000"});
    EXPECT_EQ(output.exit_code, exit_ok) << output.out;
    for (const char* step : {"name lookup", "target", "tcp", "tls", "login", "version", "permission", "metrics"})
        EXPECT_TRUE(contains(output.out, std::string("ok      ") + step)) << output.out;
    EXPECT_TRUE(contains(output.out, "\nAll is well")) << output.out;
    EXPECT_FALSE(contains(output.out, "FAILED")) << output.out;
}

// What each of them makes of the login, as the server saw it.
TEST_F(CheckServer, OptionsOfTheLogin) {
    const Words usual{"--ca-file", servers.ca_file(), "--timeout-ms", "20000"};
    const auto with = [&](Words more) {
        more.insert(more.end(), usual.begin(), usual.end());
        const auto output = check("127.0.0.1", servers.port(), more);
        EXPECT_EQ(output.exit_code, exit_ok) << output.out << output.err;
        return servers.stats();
    };
    auto seen = with({});
    EXPECT_EQ(seen.at("last_application"), "pg_vitals");
    EXPECT_EQ(seen.at("last_database"), "master");
    EXPECT_EQ(seen.at("read_only_intent"), false);
    EXPECT_EQ(seen.at("last_packet_size"), 4096) << "the one of FreeTDS";
    EXPECT_EQ(seen.at("last_auth_scheme"), "SQL");
    seen = with({"--app-name", "by hand", "--database", "SalesDB", "--application-intent", "ReadOnly", "--packet-size",
                 "8192", "--auth", "sql"});
    EXPECT_EQ(seen.at("last_application"), "by hand");
    EXPECT_EQ(seen.at("last_database"), "SalesDB");
    EXPECT_EQ(seen.at("read_only_intent"), true);
    EXPECT_EQ(seen.at("last_packet_size"), 8192);
    EXPECT_EQ(seen.at("last_auth_scheme"), "SQL");
    EXPECT_EQ(with({"--application-intent", "ReadWrite"}).at("read_only_intent"), false);
}

// What the option says decides, and not the form of the name.
TEST_F(CheckServer, AuthOfTheLogin) {
    const Words usual{"--ca-file", servers.ca_file(), "--timeout-ms", "20000"};
    const auto failure_of = [&](Words more) {
        more.insert(more.end(), usual.begin(), usual.end());
        const auto output = check("127.0.0.1", servers.port(), more);
        EXPECT_EQ(output.exit_code, exit_failed) << output.out;
        return output.out;
    };
    const std::string ntlm = failure_of({"--auth", "ntlm"});
    EXPECT_TRUE(contains(ntlm, "DOMAIN")) << ntlm;
    const std::string kerberos =
        failure_of({"--auth", "kerberos", "--server-spn", "MSSQLSvc/elsewhere:1", "--krb5-config", "/dev/null"});
    EXPECT_TRUE(contains(kerberos, "FAILED  login")) << kerberos;
    EXPECT_TRUE(contains(kerberos, "no Kerberos ticket")) << kerberos;
}

TEST_F(CheckServer, SaysWhatToDoAboutAWrongPassword) {
    directory.write("password", "nearly right\n");
    const auto output = check("127.0.0.1", servers.port(), {"--ca-file", servers.ca_file(), "--timeout-ms", "20000"});
    EXPECT_EQ(output.exit_code, exit_failed);
    EXPECT_TRUE(contains(output.out, "FAILED  login")) << output.out;
    EXPECT_TRUE(contains(output.out, "class login")) << output.out;
    EXPECT_TRUE(contains(output.out, "(error 18456)")) << output.out;
    EXPECT_FALSE(contains(output.out + output.err, "nearly right"));
}

TEST_F(CheckServer, TrustsTheCertificateOnlyIfTold) {
    const auto strict = check("127.0.0.1", servers.port(), {"--timeout-ms", "20000"});
    EXPECT_EQ(strict.exit_code, exit_failed);
    EXPECT_TRUE(contains(strict.out, "FAILED  tls")) << strict.out;
    const auto lax = check("127.0.0.1", servers.port(), {"--trust-server-certificate", "--timeout-ms", "20000"});
    EXPECT_EQ(lax.exit_code, exit_ok) << lax.out;
}

TEST_F(CheckCommand, SaysWhatToDoAboutAClosedPort) {
    const auto output = check("127.0.0.1", closed.number());
    EXPECT_EQ(output.exit_code, exit_failed);
    EXPECT_TRUE(contains(output.out, "ok      name lookup")) << output.out;
    EXPECT_TRUE(contains(output.out, "FAILED  tcp")) << output.out;
    EXPECT_TRUE(contains(output.out, "remedy: check host, port, firewall")) << output.out;
    EXPECT_TRUE(contains(output.out, "class refused")) << output.out;
    EXPECT_EQ(output.err, "");
}

TEST_F(CheckCommand, SaysWhatToDoAboutAnUnknownHost) {
    // A label that is too long for DNS fails without asking a name server.
    const auto output = check(std::string(70, 'a') + ".invalid", 1433);
    EXPECT_EQ(output.exit_code, exit_failed);
    EXPECT_TRUE(contains(output.out, "FAILED  name lookup")) << output.out;
    EXPECT_TRUE(contains(output.out, "remedy: check the host name")) << output.out;
    EXPECT_TRUE(contains(output.out, "class name_lookup")) << output.out;
}

TEST_F(CheckCommand, KeepsItsTimeAgainstASilentServer) {
    SilentServer server;
    const auto started = Deadline::Clock::now();
    const auto output = check("127.0.0.1", server.port(), {"--timeout-ms", "500"});
    EXPECT_EQ(output.exit_code, exit_failed);
    EXPECT_TRUE(contains(output.out, "class timeout")) << output.out;
    EXPECT_LT(Deadline::Clock::now() - started, 5s);
}

TEST_F(CheckCommand, PrintsOneJsonObjectOnRequest) {
    const auto output = check("127.0.0.1", closed.number(), {"--json"});
    EXPECT_EQ(output.exit_code, exit_failed);
    ASSERT_TRUE(output.out.ends_with("\n"));
    const auto report = core::parse_report(output.out.substr(0, output.out.size() - 1));
    const auto& result = std::get<core::Result>(report);
    EXPECT_EQ(result.failure.value_or(core::Failure{}).error_class, core::ErrorClass::refused);
    ASSERT_EQ(result.checks.size(), 3U);
    EXPECT_FALSE(result.checks.back().ok);
    EXPECT_NE(result.checks.back().remedy, "");
}

TEST_F(CheckCommand, RefusesBadOptionsAsAFailedStep) {
    const auto output = check("bad host", 1433);
    EXPECT_EQ(output.exit_code, exit_failed);
    EXPECT_TRUE(contains(output.out, "class configuration")) << output.out;
}

TEST_F(CheckCommand, NeedsAPasswordFileThatCanBeRead) {
    const auto output = run({"check", "mssql", "--host", "h", "--user", "u", "--password-file", "/no/such/file"});
    EXPECT_EQ(output.exit_code, exit_usage);
    EXPECT_TRUE(contains(output.err, "/no/such/file")) << output.err;
}

TEST_F(CheckCommand, NamesThePasswordFileWhereThereIsNoTerminal) {
    const auto output = run({"check", "mssql", "--host", "h", "--user", "u"});
    EXPECT_EQ(output.exit_code, exit_usage);
    EXPECT_TRUE(contains(output.err, "--password-file")) << output.err;
}

TEST_F(CheckCommand, AsksOnTheTerminalWithoutEcho) {
    int master = -1;
    const std::string port = std::to_string(closed.number());
    const pid_t child = forkpty(&master, nullptr, nullptr, nullptr);
    ASSERT_GE(child, 0);
    if (child == 0) {
        execl(VITALS_PROBER, "vitals_prober", "check", "mssql", "--host", "127.0.0.1", "--port", port.c_str(), "--user",
              "vitals", nullptr);
        _exit(127);
    }
    const Fd terminal(master);
    const Deadline deadline = Deadline::after(10s);
    std::string seen;
    bool answered = false;
    while (readable(terminal.get(), deadline.remaining())) {
        std::array<char, 512> bytes{};
        const ssize_t count = read(terminal.get(), bytes.data(), bytes.size());
        if (count <= 0) break;
        seen.append(bytes.data(), static_cast<std::size_t>(count));
        if (!answered && contains(seen, "Password of vitals: ")) answered = write(terminal.get(), "geheim\n", 7) == 7;
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), exit_failed) << seen;
    EXPECT_TRUE(answered);
    EXPECT_TRUE(contains(seen, "class refused")) << seen;
    EXPECT_FALSE(contains(seen, "geheim")) << seen;
}

TEST(CheckLocal, ReadsThisMachine) {
    const auto output = run({"check", "local"});
    EXPECT_EQ(output.exit_code, exit_ok) << output.out << output.err;
    EXPECT_TRUE(contains(output.out, "ok      memory")) << output.out;
}

}  // namespace
}  // namespace vitals::prober::test
