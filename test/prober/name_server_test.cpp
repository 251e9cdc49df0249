// Name servers that hang. The C library waits for them for many seconds; a poll ends at its deadline, says that it was
// the name, and holds nobody else up.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "mssql_test_support.h"
#include "name_lookup_failure.h"
#include "prober/freetds/name_resolver.h"
#include "prober_child.h"
#include "silent_name_server.h"

namespace vitals::prober::test {
namespace {

using core::ErrorClass;

constexpr std::chrono::milliseconds short_deadline{500};

core::Job poll_of(const SimulatedServers& servers, std::uint64_t id, const std::string& host,
                  std::chrono::milliseconds deadline) {
    core::Job job = servers.job();
    job.id = id;
    job.target = "target " + std::to_string(id);
    job.host = host;
    job.deadline = deadline;
    return job;
}

TEST_F(SilentNameServer, ALookupEndsAtItsDeadline) {
    if (!inside()) return;
    const NameResolver resolver(1);
    const auto start = Deadline::Clock::now();
    const core::Failure failure = lookup_failure(resolver, "sql01.corp.test", Deadline(start + short_deadline));
    const auto took = Deadline::Clock::now() - start;
    EXPECT_GE(took, short_deadline) << failure.message;
    EXPECT_LE(took, short_deadline + lateness);
    EXPECT_EQ(failure.error_class, ErrorClass::name_lookup);
    EXPECT_EQ(failure.message, "the name servers did not answer in time for \"sql01.corp.test\"");
    EXPECT_GT(questions_about("sql01"), 0);

    // It has its place until the C library gives up.
    const core::Failure next = lookup_failure(resolver, "sql02.corp.test", Deadline::after(short_deadline));
    EXPECT_EQ(next.error_class, ErrorClass::name_lookup);
    EXPECT_EQ(next.message, "too many name lookups are pending");
    EXPECT_EQ(questions_about("sql02"), 0);
}

TEST_F(SilentNameServer, APollSaysThatItWasTheName) {
    if (!inside()) return;
    const SimulatedServers servers;
    Poller poller;
    const core::Job job = poll_of(servers, 1, "sql01.corp.test", short_deadline);
    const core::Result result = poller.poll(job);
    EXPECT_EQ(class_of(result), "name_lookup") << message_of(result);
    EXPECT_LE(poller.took(), short_deadline + lateness);
    EXPECT_GE(result.login_ms, 0.9 * short_deadline.count()) << "which is a part of the login";
    EXPECT_EQ(result.query_ms, 0);

    const core::Result check = poller.check(job);
    ASSERT_EQ(check.checks.size(), 1U);
    EXPECT_EQ(check.checks.front().check, "name lookup");
    EXPECT_FALSE(check.checks.front().ok);
    EXPECT_NE(check.checks.front().remedy, "");
}

void expect_name_failure(const core::Result& result, std::chrono::milliseconds deadline) {
    EXPECT_EQ(class_of(result), "name_lookup") << message_of(result);
    EXPECT_NE(message_of(result).find("did not answer in time for \"sql"), std::string::npos) << message_of(result);
    EXPECT_GE(result.duration_ms, 0.9 * deadline.count());
    EXPECT_LE(result.duration_ms, (deadline + lateness).count());
}

// The program in its sandbox, as the collector runs it.
TEST_F(SilentNameServer, OthersArePolledMeanwhile) {
    if (!inside()) return;
    const SimulatedServers servers;
    const std::string ca_directory = std::filesystem::path(servers.ca_file()).parent_path();
    auto prober = ProberChild::on_socket({"--threads", "3", "--ca-directory", ca_directory});
    prober.read_hello();
    constexpr std::chrono::milliseconds deadline{2000};
    const auto send = [&](std::uint64_t id, const std::string& host) {
        prober.send(core::encode(poll_of(servers, id, host, host == "127.0.0.1" ? ample_deadline : deadline)));
    };
    send(1, "sql01.corp.test");
    send(2, "sql02.corp.test");
    send(3, "127.0.0.1");
    const core::Result other = prober.read_result(30s);
    EXPECT_EQ(other.job, 3U) << "nobody waits for name servers but who has a name";
    EXPECT_EQ(other.outcome, core::Outcome::ok) << message_of(other);
    for (int i = 0; i < 2; ++i)
        expect_name_failure(prober.read_result(30s), deadline);

    // As many as there are threads: if one were not back, a job would fail for want of it.
    for (const std::uint64_t id : {4, 5, 6})
        send(id, "sql0" + std::to_string(id) + ".corp.test");
    for (int i = 0; i < 3; ++i)
        expect_name_failure(prober.read_result(30s), deadline);
    send(7, "127.0.0.1");
    EXPECT_EQ(prober.read_result(30s).outcome, core::Outcome::ok);
    for (const char* label : {"sql01", "sql02", "sql04", "sql05", "sql06"})
        EXPECT_GT(questions_about(label), 0) << label;
}

}  // namespace
}  // namespace vitals::prober::test
