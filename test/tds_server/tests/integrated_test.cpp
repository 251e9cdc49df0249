// Windows logins and the Browser.
#include <gtest/gtest.h>

#include "tds_server/byte_reader.h"
#include "tds_server/byte_writer.h"
#include "tds_server/integrated_login.h"
#include "tds_server/ntlm.h"
#include "tds_server/sql_browser.h"
#include "tds_server/tests/hex.h"
#include "tds_server/text_encoding.h"

namespace tds_server {
namespace {

// RFC 1320, appendix A.5.
TEST(Ntlm, HashesAsTheStandardSays) {
    EXPECT_EQ(md4(""), from_hex("31D6CFE0D16AE931B73C59D7E0C089C0"));
    EXPECT_EQ(md4("abc"), from_hex("A448017AAF21D8525FC10AE87AA6729D"));
    EXPECT_EQ(md4("12345678901234567890123456789012345678901234567890123456789012345678901234567890"),
              from_hex("E33B4DDC9C38F2199C3E7B164FCC0536"));
}

// [MS-NLMP] 4.2.4: user "User", password "Password", domain "Domain".
TEST(Ntlm, VerifiesTheExampleOfTheStandard) {
    NtlmAnswer answer;
    answer.user = "User";
    answer.domain = "Domain";
    answer.proof = from_hex("68CD0AB851E51C96AABC927BEBEF6A1C");
    answer.blob = from_hex(
        "0101000000000000 0000000000000000 AAAAAAAAAAAAAAAA 00000000 02000C00 44006F006D00610069006E00 "
        "01000C00 530065007200760065007200 00000000 00000000");
    const std::string challenge = from_hex("0123456789ABCDEF");
    EXPECT_TRUE(ntlm_verifies(answer, challenge, "Password"));
    EXPECT_FALSE(ntlm_verifies(answer, challenge, "password"));
    EXPECT_FALSE(ntlm_verifies(answer, from_hex("0123456789ABCDEE"), "Password"));
    answer.domain = "Other";
    EXPECT_FALSE(ntlm_verifies(answer, challenge, "Password"));
}

TEST(Ntlm, BrokenAnswersAreRefused) {
    EXPECT_THROW(parse_ntlm_answer("NTLMSSP"), ProtocolError);
    std::string answer("NTLMSSP\0\x03\0\0\0", 12);
    EXPECT_THROW(parse_ntlm_answer(answer + std::string(10, '\xFF')), ProtocolError);
}

TEST(IntegratedLogin, ChallengesAndRefusesAWrongAnswer) {
    const IntegratedLogin::Accounts accounts{"vitals", "vitals", "", ""};
    IntegratedLogin login(accounts, "SIM", "12345678");
    const IntegratedStep first = login.step(std::string("NTLMSSP\0\x01\0\0\0", 12));
    EXPECT_EQ(first.state, IntegratedStep::State::goes_on);
    EXPECT_NE(first.token.find("12345678"), std::string::npos);
    ByteWriter answer;
    answer.raw(std::string_view("NTLMSSP\0\x03\0\0\0", 12));
    constexpr int header = 88;
    const auto field = [&](std::size_t length, std::size_t offset) {
        answer.u16(length);
        answer.u16(length);
        answer.u32(offset);
    };
    const std::string user = utf8_to_utf16le("vitals");
    field(0, header);
    field(48, header);
    field(0, header);
    field(user.size(), header + 48);
    answer.fill(header - 12 - 32, '\0');
    answer.fill(48, 'x');
    answer.raw(user);
    const IntegratedStep second = login.step(answer.take());
    EXPECT_EQ(second.state, IntegratedStep::State::refused);
    EXPECT_EQ(second.user, "\\vitals");
    EXPECT_EQ(second.scheme, "NTLM");
}

TEST(IntegratedLogin, TellsWhatATicketIsForAndBelievesNoneWithoutAKeytab) {
    const std::string ticket = "\x60\x50...\x30\x1B\x1B\x08MSSQLSvc\x1B\x0Dsim.test:1433...";
    EXPECT_EQ(service_in_ticket(ticket), "MSSQLSvc/sim.test:1433");
    EXPECT_EQ(service_in_ticket("nothing"), "");
    const IntegratedLogin::Accounts accounts{"vitals", "vitals", "", ""};
    IntegratedLogin login(accounts, "SIM", "12345678");
    const IntegratedStep step = login.step(ticket);
    EXPECT_EQ(step.state, IntegratedStep::State::refused);
    EXPECT_EQ(step.service, "MSSQLSvc/sim.test:1433");
    EXPECT_EQ(step.scheme, "KERBEROS");
}

TEST(Browser, TellsThePortOfAnInstance) {
    const std::vector<BrowserEntry> entries{{"SIM0000", "PAYROLL", "16.0.4105.2", 41501},
                                            {"SIM0001", "CRM", "15.0.1.2", 41502}};
    const std::string text = "ServerName;SIM0000;InstanceName;PAYROLL;IsClustered;No;Version;16.0.4105.2;tcp;41501;;";
    const auto answer = answer_browser_question(std::string("\x04payroll\0", 9), entries);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->substr(3), text);
    EXPECT_EQ(answer->substr(0, 3), std::string("\x05", 1) + static_cast<char>(text.size()) + std::string(1, '\0'));
    EXPECT_FALSE(answer_browser_question("\x04nope", entries));
    EXPECT_FALSE(answer_browser_question("", entries));
    EXPECT_FALSE(answer_browser_question("\x09", entries));
    EXPECT_NE(answer_browser_question("\x03", entries)->find("CRM"), std::string::npos);
}

}  // namespace
}  // namespace tds_server
