// Which targets a list allows, and in which disguises an address may not slip through.
#include "core/target_rules.h"

#include <gtest/gtest.h>

namespace vitals::core {
namespace {

IpAddress address(std::string_view text) {
    const auto parsed = parse_ip_address(text);
    if (!parsed) throw std::invalid_argument("not an address: " + std::string(text));
    return *parsed;
}

bool allows(std::string_view list, std::string_view target, std::uint16_t port = 1433) {
    return TargetRules::parse(list).allows(address(target), port);
}

std::string problem_of(std::string_view list) {
    try {
        TargetRules::parse(list);
        return "";
    } catch (const TargetRulesError& error) {
        return error.what();
    }
}

TEST(IpAddress, Forms) {
    EXPECT_EQ(address("127.0.0.1"), ipv4_address({127, 0, 0, 1}));
    EXPECT_EQ(address("::ffff:127.0.0.1"), address("127.0.0.1"));
    EXPECT_EQ(address("::FFFF:7f00:1"), address("127.0.0.1"));
    EXPECT_EQ(address("1:2:3:4:5:6:7:8").bytes[15], 8);
    EXPECT_EQ(address("1:2:3:4:5:6:1.2.3.4").bytes[15], 4);
    EXPECT_EQ(address("fd00::1").bytes[0], 0xFD);
    EXPECT_EQ(address("::"), IpAddress{});
    EXPECT_EQ(address("1::"), address("1:0:0:0:0:0:0:0"));
    EXPECT_FALSE(address("fd00::1").is_ipv4());
}

TEST(IpAddress, Malformed) {
    for (const char* text : {"",
                             "1.2.3",
                             "1.2.3.4.5",
                             "1.2.3.256",
                             "1.2.3.",
                             "01.2.3.4",
                             "1.2.3.-4",
                             "1.2.3.4 ",
                             ":",
                             ":::",
                             "1:2:3:4:5:6:7",
                             "1:2:3:4:5:6:7:8:9",
                             "1::2::3",
                             "12345::",
                             "1:",
                             ":1",
                             "1.2.3.4::",
                             "::1.2.3",
                             "g::",
                             "fe80::1%eth0",
                             "[::1]",
                             "1:2:3:4:5:6:7::8",
                             "host"})
        EXPECT_FALSE(parse_ip_address(text).has_value()) << text;
}

TEST(TargetRules, Default) {
    for (const char* target : {"10.1.2.3", "192.168.0.1", "8.8.8.8", "fd12::1", "2001:db8::1", "128.0.0.1"})
        EXPECT_TRUE(allows(default_target_rules, target)) << target;
    for (const char* target :
         {"127.0.0.1",       "127.255.255.255", "::1",     "::ffff:127.0.0.1",       "169.254.0.1",
          "169.254.169.254", "fe80::1",         "febf::1", "::ffff:169.254.169.254", "fd00:ec2::254",
          "0.0.0.0",         "0.1.2.3",         "::",      "::ffff:0.0.0.0",         "224.0.0.1",
          "239.255.255.255", "255.255.255.255", "ff02::1", "64:ff9b::127.0.0.1",     "64:ff9b::a9fe:a9fe",
          "::127.0.0.1",     "64:ff9b::"})
        EXPECT_FALSE(allows(default_target_rules, target)) << target;
}

TEST(TargetRules, NothingAllowsWhatIsNoTarget) {
    for (const char* target : {"0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1", "64:ff9b::0.0.0.0"})
        EXPECT_FALSE(allows("all", target)) << target;
    EXPECT_FALSE(allows("0.0.0.0", "0.0.0.0"));
    EXPECT_TRUE(allows("all", "127.0.0.1"));
    EXPECT_TRUE(allows("all", "::1"));
}

TEST(TargetRules, Networks) {
    EXPECT_TRUE(allows("10.0.0.0/8", "10.255.0.1"));
    EXPECT_FALSE(allows("10.0.0.0/8", "11.0.0.1"));
    EXPECT_FALSE(allows("10.0.0.0/8", "fd00::1"));
    EXPECT_TRUE(allows("10.20.48.0/20", "10.20.63.255"));
    EXPECT_FALSE(allows("10.20.48.0/20", "10.20.64.0"));
    EXPECT_TRUE(allows("10.1.1.1", "10.1.1.1"));
    EXPECT_FALSE(allows("10.1.1.1", "10.1.1.2"));
    EXPECT_TRUE(allows("fd00::/8", "fdff::1"));
    EXPECT_FALSE(allows("fd00::/8", "fe00::1"));
    EXPECT_TRUE(allows("2001:db8::/33", "2001:db8:7fff::1"));
    EXPECT_FALSE(allows("2001:db8::/33", "2001:db8:8000::1"));
    EXPECT_TRUE(allows("::ffff:10.0.0.0/104", "10.9.9.9"));
    EXPECT_FALSE(allows("::/0", "10.0.0.1")) << "all of IPv6 is not IPv4";
    EXPECT_FALSE(allows("0.0.0.0/0", "2001:db8::1"));
}

TEST(TargetRules, Ports) {
    EXPECT_TRUE(allows("10.0.0.0/8:1433", "10.0.0.1", 1433));
    EXPECT_FALSE(allows("10.0.0.0/8:1433", "10.0.0.1", 1434));
    EXPECT_TRUE(allows("10.0.0.0/8:1433-1435", "10.0.0.1", 1435));
    EXPECT_FALSE(allows("10.0.0.0/8:1433-1435", "10.0.0.1", 1436));
    EXPECT_TRUE(allows("[fd00::/8]:1433", "fd00::1", 1433));
    EXPECT_FALSE(allows("[fd00::/8]:1433", "fd00::1", 22));
    EXPECT_TRUE(allows("[fd00::1]", "fd00::1", 22));
    EXPECT_FALSE(allows("all, !all:22", "10.0.0.1", 22));
    EXPECT_TRUE(allows("all, !all:22", "10.0.0.1", 23));
}

TEST(TargetRules, ForbiddenWinsWhereverItStands) {
    for (const char* list : {"10.0.0.0/8, !10.1.0.0/16", "!10.1.0.0/16 10.0.0.0/8", "10.1.2.3,!10.1.0.0/16,all"}) {
        EXPECT_FALSE(allows(list, "10.1.2.3")) << list;
        EXPECT_TRUE(allows(list, "10.2.0.1")) << list;
    }
}

TEST(TargetRules, MalformedLists) {
    EXPECT_NE(problem_of("10.0.0.0/33").find("/0 to /32"), std::string::npos);
    EXPECT_NE(problem_of("fd00::/129").find("/0 to /128"), std::string::npos);
    EXPECT_NE(problem_of("10.0.0.1/8").find("bits set behind"), std::string::npos);
    EXPECT_NE(problem_of("10.0.0.0/8:0").find("a port is"), std::string::npos);
    EXPECT_NE(problem_of("10.0.0.0/8:2-1").find("a port is"), std::string::npos);
    EXPECT_NE(problem_of("10.0.0.0/8:65536").find("a port is"), std::string::npos);
    EXPECT_NE(problem_of("10.0.0.0/8:").find("a port is"), std::string::npos);
    EXPECT_NE(problem_of("[fd00::/8").find("bracket"), std::string::npos);
    EXPECT_NE(problem_of("[fd00::/8]1433").find("bracket"), std::string::npos);
    EXPECT_NE(problem_of("sql01.example.com").find("neither a network"), std::string::npos);
    EXPECT_NE(problem_of("ALL").find("\"ALL\""), std::string::npos);
    EXPECT_NE(problem_of("!").find("neither a network"), std::string::npos);
    for (const char* list : {"", " , ", "!loopback", "!all"})
        EXPECT_NE(problem_of(list).find("allows nothing"), std::string::npos) << list;
    EXPECT_NE(problem_of(std::string(5000, ' ')).find("longer"), std::string::npos);
    std::string many;
    for (int i = 0; i < 257; ++i)
        many += "10.0.0.1 ";
    EXPECT_NE(problem_of(many).find("256"), std::string::npos);
}

}  // namespace
}  // namespace vitals::core
