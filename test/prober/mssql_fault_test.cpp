// Servers that misbehave in every way the simulator knows: each poll ends within its deadline (and `lateness`) with the
// right error class and a message that says what happened.
#include <cctype>
#include <chrono>
#include <ostream>
#include <string>
#include <string_view>

#include "mssql_test_support.h"

namespace vitals::prober {
namespace {

// Twice what a login and a batch take on a busy machine: the fault is to be met, not the deadline.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::chrono::milliseconds short_deadline{2000};
#else
constexpr std::chrono::milliseconds short_deadline{1000};
#endif

struct FaultCase {
    const char* fault;
    const char* error_class;
    const char* message;  // a part of it
    core::Outcome outcome = core::Outcome::failed;
    int number = 0;

    // Only what is expected to last until the deadline has a short one. All else ends before, also where sanitizers and
    // other work slow everything down; it would be of another class otherwise.
    std::chrono::milliseconds deadline() const {
        return std::string_view(error_class) == "timeout" ? short_deadline : ample_deadline;
    }
};

std::ostream& operator<<(std::ostream& out, const FaultCase& fault) {
    return out << fault.fault;
}

std::string test_name(const testing::TestParamInfo<FaultCase>& info) {
    std::string name;
    bool capital = true;
    for (const char c : std::string_view(info.param.fault)) {
        if (c == '-' || c == '=') {
            capital = true;
            continue;
        }
        name += capital ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
        capital = false;
    }
    return name;
}

void expect_failure(const core::Result& result, const FaultCase& expected) {
    EXPECT_EQ(result.outcome, expected.outcome);
    ASSERT_TRUE(result.failure);
    EXPECT_EQ(class_of(result), expected.error_class) << message_of(result);
    EXPECT_NE(message_of(result).find(expected.message), std::string::npos) << message_of(result);
    EXPECT_EQ(result.failure->number, expected.number);
    for (const char c : message_of(result))
        EXPECT_GE(static_cast<unsigned char>(c), 0x20U) << message_of(result);
}

class MssqlFault : public testing::TestWithParam<FaultCase> {
  protected:
    core::Job faulty_job() const {
        core::Job job = servers_.job();
        job.deadline = GetParam().deadline();
        return job;
    }
    static void expect_in_time(const Poller& poller) { EXPECT_LE(poller.took(), GetParam().deadline() + lateness); }
    SimulatedServers servers_;
};

TEST_P(MssqlFault, OnANewConnection) {
    servers_.set_fault(GetParam().fault);
    Poller poller;
    expect_failure(poller.poll(faulty_job()), GetParam());
    expect_in_time(poller);

    servers_.set_fault("none");
    core::Job job = servers_.job();
    job.deadline = ample_deadline;
    const core::Result result = poller.poll(job);
    EXPECT_EQ(result.outcome, core::Outcome::ok) << "when the server is well again: " << message_of(result);
}

TEST_P(MssqlFault, OnAKeptConnection) {
    Poller poller;
    core::Job job = servers_.job();
    job.deadline = ample_deadline;
    ASSERT_EQ(poller.poll(job).outcome, core::Outcome::ok);
    servers_.set_fault(GetParam().fault);
    servers_.control({{"drop", true}});
    expect_failure(poller.poll(faulty_job()), GetParam());
    expect_in_time(poller);
}

constexpr core::Outcome partial = core::Outcome::partial;

INSTANTIATE_TEST_SUITE_P(Connection, MssqlFault,
                         testing::Values(FaultCase{"refuse", "refused", "nothing listens on 127.0.0.1 port"},
                                         FaultCase{"silent", "timeout", "no answer to PRELOGIN"},
                                         FaultCase{"drip", "timeout", "the deadline passed"},
                                         FaultCase{"garbage", "protocol", "not a SQL Server"},
                                         FaultCase{"http", "protocol", "not a SQL Server: it answers with \"HTTP/1.1"},
                                         FaultCase{"slow-login=5000", "timeout", "while logging in"},
                                         FaultCase{"latency=5000", "timeout", "the deadline passed"}),
                         test_name);

INSTANTIATE_TEST_SUITE_P(
    Batch, MssqlFault,
    testing::Values(FaultCase{"silent-after-login", "timeout", "while it was answering the query"},
                    FaultCase{"drip-reply", "timeout", "while it was answering the query"},
                    FaultCase{"stall", "timeout", "while it was answering the query"},
                    FaultCase{"cut", "connection_lost", "the connection ended while it was answering the query"},
                    FaultCase{"reset", "connection_lost", "the connection ended while it was answering the query"},
                    FaultCase{"huge-row", "protocol", "more data than any answer has"},
                    FaultCase{"endless-rows", "protocol", "than any answer has"},
                    FaultCase{"message-storm", "protocol", "more messages than any answer has"},
                    FaultCase{"wrong-token", "protocol", "is not understood (bad token)"}),
    test_name);

INSTANTIATE_TEST_SUITE_P(
    ServerError, MssqlFault,
    testing::Values(FaultCase{"error=300", "permission", "error 300: VIEW SERVER", partial, 300},
                    FaultCase{"error=229", "permission", "error 229: The SELECT permission", partial, 229},
                    FaultCase{"error=1205", "yielded", "error 1205", partial, 1205},
                    FaultCase{"error=1222", "yielded", "error 1222", partial, 1222},
                    FaultCase{"error=701", "pressure", "error 701", partial, 701},
                    FaultCase{"error=942", "database_unavailable", "error 942", partial, 942},
                    FaultCase{"error=40613", "database_unavailable", "error 40613", partial, 40613},
                    FaultCase{"error=8134", "server_error", "error 8134", partial, 8134}),
    test_name);

INSTANTIATE_TEST_SUITE_P(
    LoginError, MssqlFault,
    testing::Values(
        FaultCase{"login-error=18456", "login", "login failed for user \"vitals\"", core::Outcome::failed, 18456},
        FaultCase{"login-error=18401", "starting", "script upgrade mode", core::Outcome::failed, 18401},
        FaultCase{"login-error=18486", "login", "login failed for user \"vitals\"", core::Outcome::failed, 18486},
        FaultCase{"login-error=4060", "login", "Cannot open database", core::Outcome::failed, 4060},
        FaultCase{"login-error=40613", "database_unavailable", "error 40613", core::Outcome::failed, 40613}),
    test_name);

// Whoever reads of a timeout wants to know whether it was the login or the queries.
class MssqlCost : public testing::Test {
  protected:
    core::Result poll_with(const std::string& fault) {
        servers_.set_fault(fault);
        core::Job job = servers_.job();
        job.deadline = short_deadline;
        core::Result result = poller_.poll(job);
        EXPECT_EQ(result.outcome, core::Outcome::failed);
        EXPECT_EQ(class_of(result), "timeout") << message_of(result);
        return result;
    }
    static constexpr double most_of_it = 0.9 * short_deadline.count();

    SimulatedServers servers_;
    Poller poller_;
};

TEST_F(MssqlCost, OfALoginThatDoesNotEnd) {
    const core::Result result = poll_with("slow-login=5000");
    EXPECT_GT(result.login_ms, most_of_it);
    EXPECT_EQ(result.query_ms, 0);
    EXPECT_EQ(result.round_trips, 0U);
    EXPECT_GT(result.bytes, 500U) << "what was sent to log in";
}

TEST_F(MssqlCost, OfQueriesThatDoNotEnd) {
    core::Job job = servers_.job();
    job.deadline = ample_deadline;
    ASSERT_EQ(poller_.poll(job).outcome, core::Outcome::ok);
    const core::Result result = poll_with("silent-after-login");
    EXPECT_EQ(result.login_ms, 0) << "the connection was kept";
    EXPECT_GT(result.query_ms, most_of_it);
    EXPECT_EQ(result.round_trips, 1U);
    EXPECT_GT(result.bytes, 500U) << "what was asked";
}

// Whatever else listens there, and then waits for us, must not hold a thread until the deadline.
TEST(MssqlForeignServer, IsRecognisedAtOnce) {
    SimulatedServers servers;
    servers.set_fault("garbage");
    Poller poller;
    core::Job job = servers.job();
    job.deadline = ample_deadline;
    EXPECT_EQ(class_of(poller.poll(job)), "protocol");
    EXPECT_LT(poller.took(), ample_deadline / 4);
}

// The version of the server lacks one view: the other groups are read all the same, and the missing one is named.
TEST(MssqlUnknownView, EveryStatementFails) {
    SimulatedServers servers;
    servers.set_fault("error=208");
    Poller poller;
    core::Job job = servers.job();
    job.deadline = ample_deadline;
    const core::Result result = poller.poll(job);
    EXPECT_EQ(result.outcome, core::Outcome::partial);
    EXPECT_EQ(class_of(result), "version");
}

}  // namespace
}  // namespace vitals::prober
