// Where a prober may connect to: decided for the address that is connected, whoever makes the connection.
#include "prober/target_gate.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "mssql_test_support.h"
#include "prober/freetds/tds_failure.h"
#include "prober_child.h"

namespace vitals::prober {
namespace {

GateSettings only(const char* list, std::uint16_t own_port = 0) {
    return {.rules = {core::TargetRules::parse(list)}, .own_port = own_port};
}

int connect_to_loopback(int port) {
    const test::Fd fd(socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
}

std::string refusal(const std::vector<std::string>& addresses, std::uint16_t port) {
    try {
        keep_allowed(addresses, port, "db.example");
        return "";
    } catch (const TdsFailure& error) {
        EXPECT_EQ(error.failure().error_class, core::ErrorClass::not_allowed);
        return error.failure().message;
    }
}

TEST(TargetGate, IsAskedByEveryConnect) {
    const test::ClosedPort closed;
    EXPECT_EQ(connect_to_loopback(closed.number()), ECONNREFUSED) << "no gate";
    {
        const TargetGate gate(only("10.0.0.0/8"));
        EXPECT_EQ(connect_to_loopback(closed.number()), EACCES);
    }
    const TargetGate gate(only("127.0.0.1"));
    EXPECT_EQ(connect_to_loopback(closed.number()), ECONNREFUSED);
}

TEST(TargetGate, EachListMustAllow) {
    const TargetGate gate(
        {.rules = {core::TargetRules::parse("10.0.0.0/8"), core::TargetRules::parse("all, !10.1.0.0/16")},
         .own_port = 0});
    EXPECT_EQ(refusal({"10.2.0.1"}, 1433), "");
    EXPECT_NE(refusal({"10.1.0.1"}, 1433), "");
    EXPECT_NE(refusal({"11.0.0.1"}, 1433), "");
}

TEST(TargetGate, OwnServerAtEveryAddressOfThisMachine) {
    const TargetGate gate(only("all", 5432));
    for (const char* own : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
        EXPECT_NE(refusal({own}, 5432).find("the database server itself"), std::string::npos) << own;
        EXPECT_EQ(refusal({own}, 5433), "") << own;
    }
    EXPECT_EQ(refusal({"198.51.100.7"}, 5432), "") << "another machine's";
}

TEST(TargetGate, KeepsTheAddressesThatAreAllowed) {
    const TargetGate gate(only(core::default_target_rules));
    EXPECT_EQ(keep_allowed({"::1", "10.0.0.1", "127.0.0.1", "10.0.0.2", "fe80::1%eth0"}, 1433, "db.example"),
              (std::vector<std::string>{"10.0.0.1", "10.0.0.2"}));
    EXPECT_EQ(refusal({"127.0.0.1"}, 1433),
              "db.example (127.0.0.1) port 1433 is not an allowed target: vitals.allowed_targets or the tenant's list "
              "does not allow it");
    EXPECT_NE(refusal({"0.0.0.0"}, 1433), "");
}

// ---- through the program

std::string job_line(const std::string& host, int port, const char* kind = "poll", const char* options = "{}") {
    return R"({"job":1,"kind":")" + std::string(kind) + R"(","connector":"mssql","target":"t","host":")" + host +
           R"(","port":)" + std::to_string(port) + R"(,"username":"u","password":"p","options":)" + options + "}";
}

core::Result result_of(const std::vector<std::string>& flags, const std::string& line) {
    test::ProberChild child = test::ProberChild::on_socket(flags);
    child.read_hello();
    child.send(line);
    return child.read_result();
}

TEST(TargetGate, OfTheProgram) {
    test::SilentServer silent;
    const std::vector<std::string> flags{"--allowed-targets", core::default_target_rules};
    for (const char* host : {"127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1", "0.0.0.0", "127.1", "0x7f000001"}) {
        for (const char* kind : {"poll", "probe"}) {
            const core::Result result = result_of(flags, job_line(host, silent.port(), kind));
            ASSERT_TRUE(result.failure) << host;
            EXPECT_EQ(class_of(result), "not_allowed") << host << ": " << message_of(result);
        }
    }
    const core::Result instance = result_of(flags, job_line("127.0.0.1", 0, "poll", R"({"instance":"A"})"));
    EXPECT_EQ(class_of(instance), "not_allowed") << "the Browser is not asked either: " << message_of(instance);
    EXPECT_EQ(silent.connections(), 0);
}

TEST(TargetGate, CheckSaysWhoCanChangeIt) {
    const core::Result result = result_of({"--allowed-targets", "10.0.0.0/8"}, job_line("127.0.0.1", 1433, "check"));
    ASSERT_EQ(result.checks.size(), 2U);
    EXPECT_EQ(result.checks[1].check, "target");
    EXPECT_FALSE(result.checks[1].ok);
    EXPECT_NE(result.checks[1].remedy.find("vitals.allowed_targets"), std::string::npos);
}

TEST(TargetGate, ListsOfTheProgramAreNarrowedByEachOther) {
    const test::ClosedPort closed;
    EXPECT_EQ(class_of(result_of({"--allowed-targets", "all", "--allowed-targets", "127.0.0.1"},
                                 job_line("127.0.0.1", closed.number()))),
              "refused");
    EXPECT_EQ(class_of(result_of({"--allowed-targets", "all", "--allowed-targets", "10.0.0.0/8"},
                                 job_line("127.0.0.1", closed.number()))),
              "not_allowed");
    EXPECT_EQ(
        class_of(result_of({"--own-port", std::to_string(closed.number())}, job_line("127.0.0.1", closed.number()))),
        "not_allowed");
}

TEST(TargetGate, MalformedListIsWrongUsage) {
    const auto output = test::ProberChild::with_pipes({"serve", "--allowed-targets", "10.0.0.1/8"}).finish();
    EXPECT_EQ(output.exit_code, 2) << output.err;
    EXPECT_NE(output.err.find("bits set behind the prefix"), std::string::npos) << output.err;
}

}  // namespace
}  // namespace vitals::prober
