// What a SQL Server Browser may say, and what is not believed.
#include "prober/connectors/mssql/browser_answer.h"

#include <gtest/gtest.h>

namespace vitals::prober {
namespace {

std::string answer(const std::string& text, char type = 5) {
    std::string bytes(1, type);
    bytes.push_back(static_cast<char>(text.size() & 0xFFU));
    bytes.push_back(static_cast<char>(text.size() >> 8U));
    return bytes + text;
}

const std::string good =
    "ServerName;DB1;InstanceName;SQLEXPRESS;IsClustered;No;Version;15.0.2000.5;tcp;49172;np;\\\\DB1\\pipe\\x;;";

TEST(BrowserAnswer, Question) {
    EXPECT_EQ(browser_question("SQLEXPRESS"), std::string("\4SQLEXPRESS\0", 12));
}

TEST(BrowserAnswer, PortOfTheInstance) {
    EXPECT_EQ(browser_port(answer(good), "SQLEXPRESS"), 49172);
    EXPECT_EQ(browser_port(answer(good), "sqlexpress"), 49172);
    EXPECT_EQ(browser_port(answer("InstanceName;A;tcp;1;;"), "A"), 1);
}

TEST(BrowserAnswer, NotBelieved) {
    EXPECT_FALSE(browser_port(answer(good), "OTHER")) << "another instance";
    EXPECT_FALSE(browser_port(answer("ServerName;DB1;InstanceName;A;IsClustered;No;Version;15.0;;"), "A"))
        << "does not listen on TCP";
    EXPECT_FALSE(browser_port(answer(good, 4), "SQLEXPRESS")) << "not an answer";
    EXPECT_FALSE(browser_port(answer(good).substr(0, 40), "SQLEXPRESS")) << "cut";
    EXPECT_FALSE(browser_port(answer(good) + "x", "SQLEXPRESS")) << "longer than it says";
    EXPECT_FALSE(browser_port("", "A"));
    EXPECT_FALSE(browser_port("\5", "A"));
    for (const char* port : {"0", "65536", "-1", "1x", "", " 1"})
        EXPECT_FALSE(browser_port(answer("InstanceName;A;tcp;" + std::string(port) + ";;"), "A")) << port;
    EXPECT_FALSE(browser_port(answer("tcp;1433;;InstanceName;A;;"), "A")) << "of an instance without a name";
    EXPECT_FALSE(browser_port(answer("InstanceName;B;tcp;1;;InstanceName;A;tcp;2;;"), "A"));
    EXPECT_FALSE(browser_port(answer("InstanceName;A;tcp;1;tcp;2;;"), "A")) << "contradicts itself";
    EXPECT_FALSE(browser_port(answer("InstanceName;A;tcp;1;" + std::string(1100, 'x') + ";y;;"), "A")) << "too long";
}

}  // namespace
}  // namespace vitals::prober
