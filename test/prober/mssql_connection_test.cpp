// The options of a connection, as a server sees them: what goes out in the login, where connections go and do not go.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>

#include "mssql_test_support.h"
#include "prober/connectors/mssql/browser_answer.h"
#include "prober/connectors/mssql/mssql_browser.h"
#include "prober/freetds/tds_failure.h"
#include "scripted_server.h"

namespace vitals::prober {
namespace {

using test::Login7;
using test::ScriptedServer;
using test::TdsTalk;

// What a job's login looks like. The server hangs up then.
Login7 login_of(const std::function<void(core::Job&)>& change) {
    Login7 login;
    {
        ScriptedServer server([&](TdsTalk& talk) { login = talk.read_login(); });
        core::Job job = plain_job(server.port());
        change(job);
        Poller().poll(job);
    }
    return login;
}

TEST(MssqlConnection, WhatTheLoginSays) {
    const Login7 usual = login_of([](core::Job&) {});
    EXPECT_EQ(usual.user, "vitals");
    EXPECT_EQ(usual.app_name, "pg_vitals");
    EXPECT_EQ(usual.database, "master");
    EXPECT_EQ(usual.sspi, "");
    const Login7 other = login_of([](core::Job& job) {
        job.options["app_name"] = "my monitor";
        job.options["database"] = "sales";
        job.options["packet_size"] = "8192";
    });
    EXPECT_EQ(other.app_name, "my monitor");
    EXPECT_EQ(other.database, "sales");
    EXPECT_EQ(other.packet_size, 8192U);
}

TEST(MssqlConnection, ApplicationIntent) {
    constexpr unsigned read_only_intent = 0x20;
    EXPECT_EQ(login_of([](core::Job&) {}).type_flags & read_only_intent, 0U);
    EXPECT_EQ(
        login_of([](core::Job& job) { job.options["application_intent"] = "ReadOnly"; }).type_flags & read_only_intent,
        read_only_intent);
}

// The second message of NTLM, with the least that NTLMv2 needs.
std::string ntlm_challenge() {
    const std::string domain("C\0O\0R\0P\0", 8);
    const std::string info = std::string("\2\0\x08\0", 4) + domain + std::string(4, '\0');
    const auto field = [](std::size_t size, std::size_t place) {
        const char s = static_cast<char>(size);
        return std::string{s, 0, s, 0, static_cast<char>(place), 0, 0, 0};
    };
    constexpr std::size_t head = 56;
    return std::string("NTLMSSP\0\2\0\0\0", 12) + field(domain.size(), head) + std::string("\x05\x82\x89\xA2", 4) +
           "challeng" + std::string(8, '\0') + field(info.size(), head + domain.size()) +
           std::string("\x0A\0\x63\x45\0\0\0\x0F", 8) + domain + info;
}

TEST(MssqlConnection, LoginOfADomainIsNtlmVersion2) {
    Login7 login;
    std::string answer;
    {
        ScriptedServer server([&](TdsTalk& talk) {
            login = talk.read_login();
            talk.send_message(TdsTalk::sspi(ntlm_challenge()));
            answer = talk.read_message();
        });
        core::Job job = plain_job(server.port());
        job.username = "CORP\\monitor";
        job.password = core::Secret("hunter2");
        Poller().poll(job);
    }
    EXPECT_EQ(login.user, "") << "no login of the server's own is tried";
    EXPECT_EQ(login.sspi.substr(0, 9), std::string("NTLMSSP\0\1", 9));
    ASSERT_EQ(answer.substr(0, 9), std::string("NTLMSSP\0\3", 9));
    // Length of the NT response: 24 bytes are version 1.
    EXPECT_GT(static_cast<unsigned char>(answer.at(20)) | static_cast<unsigned char>(answer.at(21)) << 8, 24);
    EXPECT_NE(answer.find(std::string("m\0o\0n\0i\0t\0o\0r\0", 14)), std::string::npos);
    EXPECT_EQ(answer.find("hunter2"), std::string::npos);
    EXPECT_EQ(answer.find(std::string("h\0u\0n\0t\0e\0r\0", 12)), std::string::npos);
}

// Read-only routing and Azure's redirection: FreeTDS would connect to the same addresses again.
TEST(MssqlConnection, IsNotSentElsewhere) {
    ScriptedServer server([&](TdsTalk& talk) {
        talk.read_login();
        talk.send_message(TdsTalk::routing(14330, "replica.example") + TdsTalk::login_done());
        talk.read_message();
    });
    const core::Result result = Poller().poll(plain_job(server.port()));
    EXPECT_EQ(class_of(result), "configuration") << message_of(result);
    EXPECT_NE(message_of(result).find("\"replica.example\""), std::string::npos) << message_of(result);
}

TEST(MssqlConnection, Ipv6) {
    if (const test::Fd probe(socket(AF_INET6, SOCK_STREAM, 0)); probe.get() < 0) GTEST_SKIP() << "no IPv6";
    core::Job job = plain_job(1);
    for (const char* host : {"::1", "[::1]"}) {
        job.host = host;
        const core::Result result = Poller().poll(job);
        EXPECT_NE(message_of(result).find("::1 port 1"), std::string::npos) << message_of(result);
    }
}

TEST(MssqlConnection, PollsOverIpv6) {
    const test::Fd probe(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 loopback{};
    loopback.sin6_family = AF_INET6;
    loopback.sin6_addr = in6addr_loopback;
    if (probe.get() < 0 || bind(probe.get(), reinterpret_cast<sockaddr*>(&loopback), sizeof(loopback)) != 0)
        GTEST_SKIP() << "this machine has no IPv6 loopback";
    // With its certificate verified for the address.
    SimulatedServers servers({"--bind", "::1"});
    for (const char* host : {"::1", "[::1]"}) {
        core::Job job = servers.job();
        job.host = host;
        job.deadline = ample_deadline;
        Poller poller;
        poller.poll(job);
        const core::Result result = poller.poll(job);
        EXPECT_EQ(result.outcome, core::Outcome::ok) << host << ": " << message_of(result);
        EXPECT_TRUE(value_of(result, "memory_percent")) << host;
        EXPECT_EQ(result.facts.at("encrypted"), "true") << host;
    }
    EXPECT_EQ(servers.count("logins"), 2U);
}

// ---- probes

core::Result probe(const core::Job& job) {
    return make_mssql_connector()->open_session()->probe(job, Deadline::after(job.deadline));
}

TEST(MssqlProbe, SomebodyIsThere) {
    SimulatedServers servers;
    core::Job job = servers.job();
    EXPECT_EQ(message_of(probe(job)), "");
    job.password = core::Secret("wrong");
    EXPECT_EQ(probe(job).outcome, core::Outcome::ok) << "nobody logs in";
    EXPECT_EQ(servers.count("logins") + servers.count("failed_logins"), 0U);
}

TEST(MssqlProbe, NobodyIsThere) {
    const test::ClosedPort closed;
    EXPECT_EQ(class_of(probe(plain_job(static_cast<std::uint16_t>(closed.number())))), "refused");
    core::Job job = plain_job(1433);
    job.host = "no-such-host.invalid";
    EXPECT_EQ(class_of(probe(job)), "name_lookup");
}

TEST(MssqlProbe, SomebodyElseIsThere) {
    SimulatedServers servers;
    servers.set_fault("http");
    EXPECT_EQ(class_of(probe(servers.job())), "protocol");
}

TEST(MssqlProbe, EndsAtTheDeadline) {
    const test::SilentServer silent;
    core::Job job = plain_job(static_cast<std::uint16_t>(silent.port()));
    job.deadline = std::chrono::milliseconds(300);
    const auto start = std::chrono::steady_clock::now();
    const core::Result result = probe(job);
    EXPECT_EQ(class_of(result), "timeout") << message_of(result);
    EXPECT_LT(std::chrono::steady_clock::now() - start, job.deadline + lateness);
}

// ---- named instances

// Answers at the fixed port of the Browser, at an address of loopback that no other test has.
class FakeBrowser {
  public:
    using Answer = std::function<std::optional<std::string>(const std::string&)>;

    explicit FakeBrowser(Answer answer) : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        const auto pid = static_cast<unsigned>(getpid());
        sockaddr_in own{};
        own.sin_family = AF_INET;
        own.sin_port = htons(mssql_browser_port);
        for (unsigned attempt = 0; attempt < 100; ++attempt) {
            host_ = "127." + std::to_string(1 + pid % 250) + "." + std::to_string(pid / 250 % 250) + "." +
                    std::to_string(2 + attempt);
            inet_pton(AF_INET, host_.c_str(), &own.sin_addr);
            if (bind(socket_.get(), reinterpret_cast<sockaddr*>(&own), sizeof(own)) != 0) continue;
            thread_ = std::thread([this, answer = std::move(answer)] { run(answer); });
            return;
        }
        throw std::runtime_error("no address is free");
    }
    ~FakeBrowser() {
        done_ = true;
        thread_.join();
    }
    FakeBrowser(const FakeBrowser&) = delete;
    FakeBrowser& operator=(const FakeBrowser&) = delete;

    [[nodiscard]] const std::string& host() const noexcept { return host_; }
    [[nodiscard]] int questions() const noexcept { return questions_; }

  private:
    void run(const Answer& answer) {
        while (!done_) {
            pollfd entry{socket_.get(), POLLIN, 0};
            if (poll(&entry, 1, 20) != 1) continue;
            std::array<char, 512> bytes{};
            sockaddr_in peer{};
            socklen_t size = sizeof(peer);
            const ssize_t count =
                recvfrom(socket_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&peer), &size);
            if (count < 0) continue;
            ++questions_;
            if (const auto text = answer({bytes.data(), static_cast<std::size_t>(count)}))
                sendto(socket_.get(), text->data(), text->size(), 0, reinterpret_cast<sockaddr*>(&peer), size);
        }
    }

    test::Fd socket_;
    std::string host_;
    std::atomic<int> questions_ = 0;
    std::atomic<bool> done_ = false;
    std::thread thread_;
};

std::string instance_answer(const std::string& instance, std::uint16_t port) {
    const std::string text = "ServerName;DB1;InstanceName;" + instance + ";IsClustered;No;Version;15.0.2000.5;tcp;" +
                             std::to_string(port) + ";;";
    return std::string{5, static_cast<char>(text.size()), 0} + text;
}

core::Job instance_job(const SimulatedServers& servers, const FakeBrowser& browser) {
    core::Job job = servers.job();
    job.host = browser.host();
    job.port = 0;
    job.deadline = ample_deadline;
    job.options["instance"] = "SQLEXPRESS";
    return job;
}

TEST(MssqlInstance, IsAskedForAndRemembered) {
    std::atomic<std::uint16_t> port = 0;
    FakeBrowser browser([&](const std::string& question) -> std::optional<std::string> {
        EXPECT_EQ(question, browser_question("SQLEXPRESS"));
        return instance_answer("SQLEXPRESS", port);
    });
    SimulatedServers servers({"--bind", browser.host()});
    port = servers.port();
    core::Job job = instance_job(servers, browser);
    Poller poller;
    EXPECT_EQ(message_of(poller.poll(job)), "");
    EXPECT_EQ(browser.questions(), 1);
    job.options["app_name"] = "another connection";
    EXPECT_EQ(message_of(poller.poll(job)), "");
    EXPECT_EQ(browser.questions(), 1);
    EXPECT_EQ(servers.count("logins"), 2U);
}

// It gets another one whenever it is started.
TEST(MssqlInstance, OfAnotherPort) {
    const test::ClosedPort closed;
    std::atomic<std::uint16_t> port = static_cast<std::uint16_t>(closed.number());
    FakeBrowser browser([&](const std::string&) { return instance_answer("SQLEXPRESS", port); });
    SimulatedServers servers({"--bind", browser.host()});
    const core::Job job = instance_job(servers, browser);
    Poller poller;
    EXPECT_EQ(class_of(poller.poll(job)), "refused");
    port = servers.port();
    EXPECT_EQ(message_of(poller.poll(job)), "");
}

TEST(MssqlInstance, PortThatIsGivenWins) {
    FakeBrowser browser([&](const std::string&) { return std::nullopt; });
    SimulatedServers servers({"--bind", browser.host()});
    core::Job job = instance_job(servers, browser);
    job.port = servers.port();
    EXPECT_EQ(message_of(Poller().poll(job)), "");
    EXPECT_EQ(browser.questions(), 0);
}

TEST(MssqlInstance, ThatTheBrowserDoesNotKnow) {
    FakeBrowser browser([&](const std::string&) { return instance_answer("OTHER", 1433); });
    SimulatedServers servers({"--bind", browser.host()});
    const core::Result result = Poller().check(instance_job(servers, browser));
    EXPECT_EQ(class_of(result), "unreachable") << message_of(result);
    const core::Check* check = find_check(result, "browser");
    ASSERT_NE(check, nullptr);
    EXPECT_FALSE(check->ok);
    EXPECT_NE(check->remedy.find("UDP 1434"), std::string::npos);
}

// FreeTDS waits 16 seconds.
TEST(MssqlInstance, SilentBrowser) {
    FakeBrowser browser([&](const std::string&) { return std::nullopt; });
    SimulatedServers servers({"--bind", browser.host()});
    core::Job job = instance_job(servers, browser);
    job.deadline = std::chrono::milliseconds(700);
    Poller poller;
    const core::Result result = poller.poll(job);
    EXPECT_EQ(class_of(result), "timeout") << message_of(result);
    EXPECT_LT(poller.took(), job.deadline + lateness);
    EXPECT_GE(browser.questions(), 2) << "a datagram may have got lost";
}

TEST(MssqlInstance, WithoutABrowser) {
    std::string host;
    core::Job job;
    {
        FakeBrowser browser([&](const std::string&) { return std::nullopt; });
        SimulatedServers servers({"--bind", browser.host()});
        job = instance_job(servers, browser);
        job.options.erase("ca_file");
    }
    const core::Result result = Poller().poll(job);
    EXPECT_EQ(class_of(result), "unreachable") << message_of(result);
    EXPECT_NE(message_of(result).find("no answer from the SQL Server Browser"), std::string::npos);
}

}  // namespace
}  // namespace vitals::prober
