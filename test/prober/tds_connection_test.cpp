// Values, result sets and messages over a real TDS connection.
#include "prober/freetds/tds_connection.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "mssql_test_support.h"
#include "prober/freetds/kerberos_login.h"
#include "scripted_server.h"

namespace vitals::prober {
namespace {

using std::chrono::microseconds;

class TdsConnectionTest : public testing::Test {
  protected:
    TdsConnectionTest() : connection_(login(), core::Secret("vitals"), deadline_) {}

    TdsLogin login() const {
        TdsLogin login;
        login.addresses = {"127.0.0.1"};
        login.certificate_name = "127.0.0.1";
        login.port = servers_.port();
        login.username = "vitals";
        login.database = "master";
        login.app_name = "test";
        login.trust = std::make_shared<const TrustList>(servers_.ca_file());
        return login;
    }
    BatchReply run(const std::string& sql) { return connection_.run(sql, deadline_); }

    SimulatedServers servers_;
    Deadline deadline_ = Deadline::after(ample_deadline);
    TdsConnection connection_;
};

std::int64_t microseconds_of(int year, unsigned month, unsigned day, microseconds time) {
    const std::chrono::sys_days date{std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day)};
    return duration_cast<microseconds>(date.time_since_epoch()).count() + time.count();
}

TEST_F(TdsConnectionTest, ReadsEveryType) {
    const BatchReply reply = run("SELECT * FROM tds_server.all_types");
    ASSERT_EQ(reply.sets.size(), 1U);
    const ResultSet& set = reply.sets[0];
    ASSERT_EQ(set.rows.size(), 2U);
    const auto cell = [&](const char* column) { return set.rows[0].at(set.column(column).value()); };
    EXPECT_EQ(cell("c_bit"), Cell{std::int64_t{1}});
    EXPECT_EQ(cell("c_tinyint"), Cell{std::int64_t{255}});
    EXPECT_EQ(cell("c_smallint"), Cell{std::int64_t{-32768}});
    EXPECT_EQ(cell("c_int"), Cell{std::int64_t{2147483647}});
    EXPECT_EQ(cell("c_bigint"), Cell{INT64_MIN});
    EXPECT_EQ(cell("c_real"), Cell{1.5});
    EXPECT_EQ(cell("c_float"), Cell{-2.25e100});
    EXPECT_DOUBLE_EQ(std::get<double>(cell("c_decimal")), -1234567890123456.7891);
    EXPECT_DOUBLE_EQ(std::get<double>(cell("c_money")), -922337203685477.5808);
    using namespace std::chrono_literals;
    EXPECT_EQ(cell("c_date"), Cell{microseconds_of(2026, 3, 2, 0us)});
    EXPECT_EQ(cell("c_datetime"), Cell{microseconds_of(2026, 3, 2, 10h + 997'000us)});
    EXPECT_EQ(cell("c_datetime2"), Cell{microseconds_of(2026, 3, 2, 10h + 123'456us)});
    EXPECT_EQ(cell("c_varchar"), Cell{"varchar"});
    EXPECT_EQ(cell("c_nvarchar"), Cell{"Größe €"});
    EXPECT_EQ(cell("c_nvarchar_max"), Cell{"as long as you like 😀"});
    EXPECT_EQ(cell("c_uniqueidentifier"), Cell{}) << "a type that is not read";
    for (std::size_t i = 0; i < set.columns.size(); ++i)
        EXPECT_EQ(set.rows[1].at(i), Cell{}) << set.columns[i];
}

TEST_F(TdsConnectionTest, ReadsSeveralSets) {
    const BatchReply reply = run("SELECT 1 AS a; SELECT 2 AS b WHERE 1 = 0; SELECT N'x' AS c");
    ASSERT_EQ(reply.sets.size(), 3U);
    EXPECT_EQ(reply.sets[0].columns, std::vector<std::string>{"a"});
    EXPECT_TRUE(reply.sets[1].rows.empty());
    EXPECT_EQ(reply.sets[2].rows.at(0).at(0), Cell{"x"});
    EXPECT_TRUE(reply.errors.empty());
}

TEST_F(TdsConnectionTest, CountsTheBytesOfItsValues) {
    const BatchReply reply =
        run("SELECT 1 AS a, CONVERT(bigint, 2) AS b, N'ä€' AS c, CONVERT(int, NULL) AS d; SELECT 1 AS a WHERE 1 = 0; "
            "SELECT 1 AS a UNION ALL SELECT 2");
    ASSERT_EQ(reply.sets.size(), 3U);
    EXPECT_EQ(reply.sets[0].data_bytes, 4U + 8U + 5U) << "text as UTF-8, nothing for NULL";
    EXPECT_EQ(reply.sets[1].data_bytes, 0U);
    EXPECT_EQ(reply.sets[2].data_bytes, 8U);
}

TEST_F(TdsConnectionTest, GoesOnBehindAFailedStatement) {
    const BatchReply reply = run("SELECT 1 / 0; SELECT 2 AS b");
    ASSERT_EQ(reply.errors.size(), 1U);
    EXPECT_EQ(reply.errors[0].number, 8134);
    EXPECT_EQ(reply.errors[0].text, "Divide by zero error encountered.");
    ASSERT_FALSE(reply.sets.empty());
    EXPECT_EQ(reply.sets.back().rows.at(0).at(0), Cell{std::int64_t{2}});
    EXPECT_TRUE(connection_.good());
    EXPECT_TRUE(run("SELECT 3").errors.empty());
}

TEST_F(TdsConnectionTest, InformationIsNoError) {
    const BatchReply reply = run("EXEC tds_server.sample_procedure");
    EXPECT_TRUE(reply.errors.empty());
    ASSERT_EQ(reply.sets.size(), 1U);
    EXPECT_EQ(reply.sets[0].rows.size(), 2U);
    EXPECT_TRUE(connection_.good());
}

TEST_F(TdsConnectionTest, ProvesEncryption) {
    EXPECT_TRUE(connection_.good());
    EXPECT_TRUE(connection_.proves_encryption());
}

TEST_F(TdsConnectionTest, IsNotGoodAfterThePeerClosed) {
    servers_.control({{"drop", true}});
    run("SELECT 1");
    EXPECT_FALSE(connection_.good());
    EXPECT_TRUE(run("SELECT 1").sets.empty()) << "and stays unusable without harm";
}

TEST_F(TdsConnectionTest, IsNotGoodAfterTheDeadline) {
    servers_.set_fault("stall");
    const auto start = std::chrono::steady_clock::now();
    connection_.run("SELECT * FROM sys.dm_os_performance_counters", Deadline::after(std::chrono::milliseconds{300}));
    EXPECT_FALSE(connection_.good());
    EXPECT_EQ(connection_.observation().cut_off, CutOff::deadline);
    EXPECT_LE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds{300} + lateness);
}

// With it go its password and its ticket.
TEST(TdsConnectionKerberos, TheLoginIsForgottenWhenItHasEnded) {
    TdsLogin login;
    login.addresses = {"127.0.0.1"};
    login.certificate_name = "127.0.0.1";
    login.port = 1;
    login.app_name = "test";
    login.tls = TlsMode::off;
    login.server_spn = "MSSQLSvc/localhost:1";
    login.kerberos = std::make_shared<KerberosLogin>(
        KerberosIdentity{"monitor@VITALS.TEST", core::Secret("hunter2"), ""}, LeftBehind(1));
    const std::weak_ptr<KerberosLogin> kerberos = login.kerberos;
    const TdsConnection connection(login, core::Secret(), Deadline::after(ample_deadline));
    EXPECT_FALSE(connection.good());
    login.kerberos.reset();
    EXPECT_TRUE(kerberos.expired());
}

// A column of one byte on the wire takes forty in memory.
std::string rows_of_bytes(std::size_t columns, std::size_t rows) {
    std::string tokens{'\x81', static_cast<char>(columns), 0};
    for (std::size_t column = 0; column < columns; ++column)
        tokens += std::string("\0\0\0\0\0\0\x30\1c\0", 10);
    for (std::size_t row = 0; row < rows; ++row)
        tokens += '\xD1' + std::string(columns, '\7');
    return tokens + '\xFD' + std::string(12, '\0');
}

TEST(TdsConnectionLimits, TheCellsOfABatch) {
    constexpr std::size_t columns = max_batch_columns;
    constexpr std::size_t fitting = max_batch_cells / columns;
    test::ScriptedServer server([&](test::TdsTalk& talk) {
        talk.read_login();
        talk.send_message(test::TdsTalk::login_done());
        for (const std::size_t rows : {fitting, fitting + 1}) {
            talk.read_message();
            talk.send_message(rows_of_bytes(columns, rows));
        }
    });
    TdsLogin login;
    login.addresses = {"127.0.0.1"};
    login.certificate_name = "127.0.0.1";
    login.port = server.port();
    login.username = "vitals";
    login.app_name = "test";
    login.tls = TlsMode::off;
    const Deadline deadline = Deadline::after(ample_deadline);
    TdsConnection connection(login, core::Secret("vitals"), deadline);
    const BatchReply most = connection.run("SELECT most", deadline);
    EXPECT_TRUE(connection.good());
    ASSERT_EQ(most.sets.size(), 1U);
    EXPECT_EQ(most.sets[0].rows.size(), fitting);
    EXPECT_EQ(most.sets[0].rows.back().back(), Cell{std::int64_t{7}});
    connection.run("SELECT more", deadline);
    EXPECT_FALSE(connection.good());
    EXPECT_EQ(connection.observation().cut_off, CutOff::too_many_cells);
}

}  // namespace
}  // namespace vitals::prober
