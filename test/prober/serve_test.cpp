// The program under the collector's protocol: greeting, jobs, signals, the end of its peer, and what it does to itself.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "core/wire.h"
#include "prober/deadline.h"
#include "prober/exit_code.h"
#include "prober/sandbox/sanitizers.h"
#include "prober_child.h"
#include "simulated_servers.h"

namespace vitals::prober::test {
namespace {

// The thread sanitizer waits a second before it lets a process end.
constexpr std::chrono::milliseconds at_once = built_with_sanitizer ? 5s : 1s;

core::Job job_of(std::uint64_t id, const std::string& target, int port, std::chrono::milliseconds deadline) {
    core::Job job;
    job.id = id;
    job.connector = "mssql";
    job.target = target;
    job.deadline = deadline;
    job.interval = 60s;
    job.host = "127.0.0.1";
    job.port = static_cast<std::uint16_t>(port);
    job.username = "vitals";
    job.password = core::Secret("not a secret");
    return job;
}

std::string line_of(std::uint64_t id, const std::string& target, int port, std::chrono::milliseconds deadline) {
    return core::encode(job_of(id, target, port, deadline));
}

core::ErrorClass class_of(const core::Result& result) {
    return result.failure.value_or(core::Failure{}).error_class;
}

std::string slurp(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// "Seccomp:	2" of /proc/PID/status.
std::string status_field(pid_t pid, const std::string& name) {
    std::istringstream status(slurp(fmt::format("/proc/{}/status", pid)));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
    }
    return "";
}

void expect_exit(ProberChild& prober, int code, std::chrono::milliseconds limit) {
    const auto status = prober.wait(limit);
    ASSERT_TRUE(status.has_value()) << "still running";
    ASSERT_TRUE(WIFEXITED(*status)) << "signal " << WTERMSIG(*status);
    EXPECT_EQ(WEXITSTATUS(*status), code);
}

TEST(Serve, GreetsWithItsVersion) {
    auto prober = ProberChild::on_socket();
    EXPECT_EQ(prober.read_hello().version, VITALS_VERSION);
}

TEST(Serve, AnswersEachJobUnderItsId) {
    const ClosedPort port;
    auto prober = ProberChild::on_socket();
    prober.read_hello();
    for (const std::uint64_t id : {std::uint64_t{7}, ~std::uint64_t{0}}) {
        ASSERT_TRUE(prober.send(line_of(id, "a", port.number(), 5s)));
        const core::Result result = prober.read_result();
        EXPECT_EQ(result.job, id);
        EXPECT_EQ(class_of(result), core::ErrorClass::refused) << result.failure->message;
        EXPECT_GT(result.duration_ms, 0);
    }
}

TEST(Serve, RefusesConnectorsItDoesNotHave) {
    auto prober = ProberChild::on_socket();
    prober.read_hello();
    for (const char* connector : {"no such", "local"}) {
        core::Job job = job_of(1, "a", 1, 5s);
        job.connector = connector;
        ASSERT_TRUE(prober.send(core::encode(job)));
        EXPECT_EQ(class_of(prober.read_result()), core::ErrorClass::configuration) << connector;
    }
}

TEST(Serve, ReadsThisMachineOnlyWhereAllowed) {
    auto prober = ProberChild::on_socket({"--allow-local"});
    prober.read_hello();
    core::Job job = job_of(1, "a", 0, 5s);
    job.connector = "local";
    job.host = job.username = "";
    job.password = core::Secret();
    ASSERT_TRUE(prober.send(core::encode(job)));
    const core::Result result = prober.read_result();
    EXPECT_EQ(result.outcome, core::Outcome::ok) << result.failure.value_or(core::Failure{}).message;
    EXPECT_FALSE(result.values.empty());
}

TEST(Serve, RunsTwoJobsOfOneTargetOneAfterTheOther) {
    SilentServer server;
    auto prober = ProberChild::on_socket({"--threads", "4"});
    prober.read_hello();
    prober.send(line_of(1, "a", server.port(), 1s));
    prober.send(line_of(2, "a", server.port(), 3s));
    const core::Result first = prober.read_result();
    EXPECT_EQ(first.job, 1U);
    EXPECT_LE(server.connections(), 2);
    const core::Result second = prober.read_result();
    EXPECT_EQ(second.job, 2U);
    EXPECT_EQ(class_of(second), core::ErrorClass::timeout);
    // It got the rest of its time, not all of it: the first had the target before.
    EXPECT_LT(second.duration_ms, 2700);
    EXPECT_EQ(server.connections(), 2);
}

TEST(Serve, RunsJobsOfDifferentTargetsAtTheSameTime) {
    SilentServer server;
    auto prober = ProberChild::on_socket({"--threads", "4"});
    prober.read_hello();
    const auto started = Deadline::Clock::now();
    for (std::uint64_t id = 1; id <= 4; ++id)
        prober.send(line_of(id, std::to_string(id), server.port(), 1s));
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(class_of(prober.read_result()), core::ErrorClass::timeout);
    EXPECT_LT(Deadline::Clock::now() - started, 2s);
}

TEST(Serve, AnswersAJobWhoseTimePassesInTheQueue) {
    SilentServer busy;
    SilentServer never_asked;
    auto prober = ProberChild::on_socket({"--threads", "1"});
    prober.read_hello();
    prober.send(line_of(1, "a", busy.port(), 2s));
    prober.send(line_of(2, "b", never_asked.port(), 200ms));
    const auto started = Deadline::Clock::now();
    const core::Result result = prober.read_result();
    EXPECT_LT(Deadline::Clock::now() - started, 1500ms);
    EXPECT_EQ(result.job, 2U);
    EXPECT_EQ(class_of(result), core::ErrorClass::timeout);
    EXPECT_EQ(prober.read_result().job, 1U);
    EXPECT_EQ(never_asked.connections(), 0);
}

TEST(Serve, EndsOnGarbageFromTheCollector) {
    for (const char* garbage : {"garbage", "{}", "", "{\"job\":1,\"connector\":\"mssql\",\"surprise\":1}"}) {
        auto prober = ProberChild::on_socket();
        prober.read_hello();
        ASSERT_TRUE(prober.send(garbage));
        expect_exit(prober, exit_usage, 5s);
        EXPECT_EQ(prober.read_line(), std::nullopt) << garbage;
    }
}

TEST(Serve, EndsOnALineWithoutEnd) {
    auto prober = ProberChild::on_socket();
    prober.read_hello();
    prober.send(std::string(core::max_job_line + 1, 'x'));
    expect_exit(prober, exit_usage, 5s);
}

TEST(Serve, EndsWithItsSocketWhateverIsInFlight) {
    SilentServer server;
    auto prober = ProberChild::on_socket();
    prober.read_hello();
    prober.send(line_of(1, "a", server.port(), 60s));
    const Deadline deadline = Deadline::after(5s);
    while (server.connections() == 0 && !deadline.passed())
        readable(-1, 5ms);
    ASSERT_EQ(server.connections(), 1);
    prober.hang_up();
    expect_exit(prober, exit_ok, at_once);
}

TEST(Serve, EndsAtOnceOnSigtermWhenIdle) {
    auto prober = ProberChild::on_socket();
    prober.read_hello();
    prober.signal(SIGTERM);
    expect_exit(prober, exit_ok, at_once);
}

TEST(Serve, FinishesWhatIsInFlightOnSigterm) {
    SilentServer server;
    auto prober = ProberChild::on_socket({"--grace-ms", "20000"});
    prober.read_hello();
    prober.send(line_of(1, "a", server.port(), 700ms));
    const Deadline deadline = Deadline::after(5s);
    while (server.connections() == 0 && !deadline.passed())
        readable(-1, 5ms);
    prober.signal(SIGTERM);
    EXPECT_EQ(prober.read_result().job, 1U);
    expect_exit(prober, exit_ok, at_once);
}

TEST(Serve, AbandonsAfterTheGraceTimeOnSigterm) {
    SilentServer server;
    auto prober = ProberChild::on_socket({"--grace-ms", "100"});
    prober.read_hello();
    prober.send(line_of(1, "a", server.port(), 60s));
    const Deadline deadline = Deadline::after(5s);
    while (server.connections() == 0 && !deadline.passed())
        readable(-1, 5ms);
    prober.signal(SIGTERM);
    expect_exit(prober, exit_ok, 2s);
    EXPECT_EQ(prober.read_line(), std::nullopt);
}

TEST(Serve, IgnoresSigintUnderTheCollector) {
    const ClosedPort port;
    auto prober = ProberChild::on_socket();
    prober.read_hello();
    prober.signal(SIGINT);
    prober.send(line_of(1, "a", port.number(), 5s));
    EXPECT_EQ(prober.read_result().job, 1U);
}

TEST(Serve, EndsWhenItNeedsMoreMemoryThanAllowed) {
    if (built_with_sanitizer) GTEST_SKIP() << "sanitizers need more address space than any limit";
    SilentServer server;
    constexpr long limit = 192L * 1024 * 1024;
    auto prober = ProberChild::on_socket({"--threads", "1", "--memory-limit", std::to_string(limit)});
    prober.read_hello();
    ASSERT_TRUE(prober.send(line_of(1, "a", server.port(), 60s)));
    core::Job job = job_of(2, "b", server.port(), 60s);
    for (int i = 0; i < 50; ++i)
        job.options.emplace(std::to_string(i), std::string(1000, 'x'));
    // They wait for the one thread, which waits for the server; together they are twice the limit.
    for (long sent = 0; sent < 2 * limit && prober.send(core::encode(job));)
        sent += 50 * 1000;
    expect_exit(prober, exit_out_of_memory, 10s);
}

TEST(Serve, KeepsNoDescriptorOfItsParent) {
    std::array<int, 2> fds{};
    ASSERT_EQ(pipe(fds.data()), 0);
    const Fd read_end(fds[0]);
    Fd write_end(fds[1]);
    fcntl(read_end.get(), F_SETFD, FD_CLOEXEC);
    auto prober = ProberChild::on_socket();
    prober.read_hello();
    EXPECT_FALSE(readable(read_end.get(), 0ms));
    write_end.reset();
    EXPECT_TRUE(readable(read_end.get(), 1s)) << "the prober holds the other end of the pipe";
}

TEST(Serve, DiesWithItsParent) {
    std::array<int, 2> fds{};
    ASSERT_EQ(pipe(fds.data()), 0);
    Fd read_end(fds[0]);
    Fd write_end(fds[1]);
    std::array<int, 2> pair{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
    Fd ours(pair[0]);
    Fd theirs(pair[1]);
    const pid_t parent = fork();
    if (parent == 0) {
        // The prober's parent: it lives until its end of the pipe closes.
        write_end.reset();
        if (fork() == 0) {
            if (dup2(theirs.get(), 3) != 3) _exit(1);
            execl(VITALS_PROBER, "vitals_prober", "serve", "--fd", "3", nullptr);
            _exit(1);
        }
        char byte = 0;
        _exit(read(read_end.get(), &byte, 1) == 0 ? 0 : 1);
    }
    ASSERT_GT(parent, 0);
    theirs.reset();
    read_end.reset();
    char byte = 0;
    ASSERT_TRUE(readable(ours.get(), 10s));
    while (read(ours.get(), &byte, 1) == 1 && byte != '\n')
        continue;
    ASSERT_EQ(byte, '\n') << "no greeting";
    ASSERT_FALSE(readable(ours.get(), 0ms));

    write_end.reset();
    int status = 0;
    ASSERT_EQ(waitpid(parent, &status, 0), parent);
    EXPECT_TRUE(readable(ours.get(), 2s)) << "the prober outlived its parent";
    EXPECT_EQ(read(ours.get(), &byte, 1), 0);
}

TEST(Serve, IsRestrictedBeforeItGreets) {
    auto prober = ProberChild::on_socket();
    const core::Hello hello = prober.read_hello();
    EXPECT_EQ(status_field(prober.pid(), "NoNewPrivs"), "1");
    const bool seccomp =
        std::find(hello.sandbox_missing.begin(), hello.sandbox_missing.end(), "seccomp") == hello.sandbox_missing.end();
    EXPECT_EQ(status_field(prober.pid(), "Seccomp"), seccomp ? "2" : "0");
    EXPECT_EQ(status_field(prober.pid(), "CapEff"), "0000000000000000");
    EXPECT_EQ(status_field(prober.pid(), "CapPrm"), "0000000000000000");
    EXPECT_EQ(slurp(fmt::format("/proc/{}/oom_score_adj", prober.pid())), "1000\n");
    EXPECT_EQ(status_field(prober.pid(), "Umask"), "0077");
    const std::string limits = slurp(fmt::format("/proc/{}/limits", prober.pid()));
    EXPECT_NE(limits.find("Max core file size        0                    0 "), std::string::npos) << limits;
}

class ServeServers : public testing::Test {
  protected:
    core::Result poll(ProberChild& prober) const {
        core::Job job = servers.job();
        job.deadline = 20s;
        prober.send(core::encode(job));
        return prober.read_result(25s);
    }
    SimulatedServers servers;
    std::string ca_directory = std::filesystem::path(servers.ca_file()).parent_path();
};

TEST_F(ServeServers, PollsOverOneKeptConnectionInsideTheSandbox) {
    auto prober = ProberChild::on_socket({"--ca-directory", ca_directory, "--threads", "2"});
    prober.read_hello();
    for (int i = 0; i < 3; ++i) {
        const core::Result result = poll(prober);
        EXPECT_EQ(result.outcome, core::Outcome::ok) << result.failure.value_or(core::Failure{}).message;
        EXPECT_FALSE(result.values.empty());
        EXPECT_EQ(result.interval_ms.has_value(), i > 0);
    }
    EXPECT_EQ(servers.count("logins"), 1U);
}

TEST_F(ServeServers, ClosesTheConnectionOfAForgottenTarget) {
    auto prober = ProberChild::on_socket({"--ca-directory", ca_directory});
    prober.read_hello();
    poll(prober);
    prober.send(core::encode(core::Forget{servers.job().target}));
    const core::Result result = poll(prober);
    EXPECT_EQ(result.outcome, core::Outcome::ok) << result.failure.value_or(core::Failure{}).message;
    EXPECT_FALSE(result.interval_ms.has_value());
    EXPECT_EQ(servers.count("logins"), 2U);
}

TEST_F(ServeServers, TrustsNoAuthorityOutsideOfItsDirectories) {
    auto prober = ProberChild::on_socket();
    const auto missing = prober.read_hello().sandbox_missing;
    if (std::find(missing.begin(), missing.end(), "landlock") != missing.end())
        GTEST_SKIP() << "this kernel has no Landlock";
    const core::Result result = poll(prober);
    EXPECT_EQ(result.outcome, core::Outcome::failed);
    EXPECT_NE(result.failure.value_or(core::Failure{}).message.find("CA file"), std::string::npos)
        << result.failure.value_or(core::Failure{}).message;
    EXPECT_EQ(servers.count("logins"), 0U);
}

class ServeByHand : public testing::Test {
  protected:
    ClosedPort port;
    ProberChild prober = ProberChild::with_pipes({});
};

TEST_F(ServeByHand, AnswersTheJobsOfStandardInput) {
    prober.send(line_of(1, "", port.number(), 5s));
    prober.send(line_of(2, "", port.number(), 5s));
    EXPECT_EQ(prober.read_hello().version, VITALS_VERSION);
    EXPECT_EQ(prober.read_result().job + prober.read_result().job, 3U);
    const auto output = prober.finish();
    EXPECT_EQ(output.exit_code, exit_ok);
    EXPECT_EQ(output.out + output.err, "");
}

TEST_F(ServeByHand, TellsAboutABadLineAndGoesOn) {
    prober.send("garbage");
    prober.send("");
    prober.send(line_of(3, "", port.number(), 5s));
    prober.read_hello();
    EXPECT_EQ(prober.read_result().job, 3U);
    const auto output = prober.finish();
    EXPECT_EQ(output.exit_code, exit_ok);
    EXPECT_EQ(output.err, "vitals_prober: not a line of the protocol: not JSON\n");
}

TEST_F(ServeByHand, FinishesAtTheEndOfInputWhatIsInFlight) {
    SilentServer server;
    prober.send(line_of(4, "a", server.port(), 500ms));
    prober.send(line_of(5, "a", server.port(), 900ms));
    prober.end_input();
    prober.read_hello();
    EXPECT_EQ(prober.read_result().job, 4U);
    EXPECT_EQ(prober.read_result().job, 5U);
    EXPECT_EQ(prober.finish().exit_code, exit_ok);
}

// Each has its time from when a thread takes it, however many there are.
TEST_F(ServeByHand, LetsNoJobExpireForWantOfAThread) {
    SilentServer server;
    constexpr int jobs = 25;
    for (int id = 1; id <= jobs; ++id)
        prober.send(line_of(static_cast<std::uint64_t>(id), "", server.port(), 300ms));
    prober.end_input();
    prober.read_hello();
    for (int i = 0; i < jobs; ++i)
        EXPECT_GT(prober.read_result().duration_ms, 200);
    EXPECT_EQ(server.connections(), jobs);
}

}  // namespace
}  // namespace vitals::prober::test
