// What a job may say, and that nothing of it can slip into the configuration of FreeTDS.
#include "prober/connectors/mssql/mssql_options.h"

#include <gtest/gtest.h>

#include <string>

#include "prober/freetds/tds_failure.h"

namespace vitals::prober {
namespace {

core::Job job() {
    core::Job made;
    made.host = "db1.example";
    made.port = 1433;
    made.username = "monitor";
    made.password = core::Secret("secret");
    return made;
}

core::Job with_option(const std::string& name, const std::string& value) {
    core::Job made = job();
    made.options[name] = value;
    return made;
}

// The message of the refusal; empty when it is accepted.
std::string refusal(const core::Job& job) {
    try {
        parse_mssql_options(job);
        return "";
    } catch (const TdsFailure& error) {
        EXPECT_EQ(error.failure().error_class, core::ErrorClass::configuration);
        return error.failure().message;
    }
}

TEST(MssqlOptions, SecureByDefault) {
    const MssqlOptions options = parse_mssql_options(job());
    EXPECT_EQ(options.tls, TlsMode::require);
    EXPECT_TRUE(options.verify);
    EXPECT_EQ(options.certificate_name, "db1.example");
    EXPECT_EQ(options.database, "master");
    EXPECT_EQ(options.app_name, "pg_vitals");
    EXPECT_FALSE(options.ca_file.empty());
}

TEST(MssqlOptions, AreRead) {
    EXPECT_EQ(parse_mssql_options(with_option("encrypt", "request")).tls, TlsMode::request);
    EXPECT_FALSE(parse_mssql_options(with_option("encrypt", "request")).verify);
    EXPECT_EQ(parse_mssql_options(with_option("encrypt", "off")).tls, TlsMode::off);
    EXPECT_FALSE(parse_mssql_options(with_option("trust_server_certificate", "true")).verify);
    EXPECT_TRUE(parse_mssql_options(with_option("trust_server_certificate", "false")).verify);
    EXPECT_EQ(parse_mssql_options(with_option("ca_file", "/a b/c.pem")).ca_file, "/a b/c.pem");
    EXPECT_EQ(parse_mssql_options(with_option("hostname_in_certificate", "x.example")).certificate_name, "x.example");
    EXPECT_EQ(parse_mssql_options(with_option("database", "Sales [old]")).database, "Sales [old]");
    EXPECT_EQ(parse_mssql_options(with_option("app_name", "me")).app_name, "me");
    EXPECT_EQ(parse_mssql_options(with_option("packet_size", "4096")).packet_size, 4096);
}

TEST(MssqlOptions, RefuseWhatTheyDoNotKnow) {
    EXPECT_EQ(refusal(with_option("encrypts", "require")), "unknown option \"encrypts\" for connector mssql");
    EXPECT_NE(refusal(with_option("encrypt", "yes")).find("require, request or off"), std::string::npos);
    EXPECT_NE(refusal(with_option("encrypt", "strict")).find("TDS 8.0"), std::string::npos);
    EXPECT_NE(refusal(with_option("trust_server_certificate", "1")).find("true or false"), std::string::npos);
    EXPECT_NE(refusal(with_option("ca_file", "ca.pem")).find("absolute"), std::string::npos);
    for (const char* size : {"", "511", "32768", "4096x", "-1", "99999999999"})
        EXPECT_NE(refusal(with_option("packet_size", size)).find("512 to 32767"), std::string::npos) << size;
}

TEST(MssqlOptions, RefuseTextThatWouldBeConfiguration) {
    for (const char* bad : {"a\nhost = evil", "a\r", "a;b", "a#b", "[global]", " a", "a ", ""}) {
        EXPECT_NE(refusal(with_option("hostname_in_certificate", bad)), "") << bad;
        // Brackets around a host are those of an IPv6 address, and go.
        if (bad[0] == '[') continue;
        core::Job made = job();
        made.host = bad;
        EXPECT_NE(refusal(made), "") << bad;
    }
    for (const char* name : {"database", "app_name", "ca_file"})
        EXPECT_NE(refusal(with_option(name, "/a\nb")), "") << name;
    EXPECT_NE(refusal(with_option("hostname_in_certificate", std::string(201, 'a'))), "");
    EXPECT_NE(refusal(with_option("app_name", std::string(129, 'a'))), "");
}

TEST(MssqlOptions, Host) {
    core::Job made = job();
    made.host = "[::1]";
    EXPECT_EQ(parse_mssql_options(made).host, "::1");
    made.host = "db1\\SQLEXPRESS";
    EXPECT_NE(refusal(made).find("that is an option"), std::string::npos);
    for (const char* bad : {"a[b]", "[[x]]", "db1,1433", "db1/x", "tcp:db1 x", "[]"}) {
        made.host = bad;
        EXPECT_NE(refusal(made), "") << bad;
    }
}

TEST(MssqlOptions, Instance) {
    EXPECT_EQ(parse_mssql_options(with_option("instance", "SQL$2019_a#1")).instance, "SQL$2019_a#1");
    EXPECT_EQ(parse_mssql_options(with_option("instance", "A")).port, 1433) << "a port that is given stays";
    for (const char* bad : {"", "a b", "a;b", "a\\b", "a\nb", "a[b]"})
        EXPECT_NE(refusal(with_option("instance", bad)).find("name of an instance"), std::string::npos) << bad;
    EXPECT_NE(refusal(with_option("instance", std::string(33, 'a'))), "");
}

TEST(MssqlOptions, ApplicationIntent) {
    EXPECT_FALSE(parse_mssql_options(job()).read_only);
    EXPECT_TRUE(parse_mssql_options(with_option("application_intent", "ReadOnly")).read_only);
    EXPECT_FALSE(parse_mssql_options(with_option("application_intent", "ReadWrite")).read_only);
    EXPECT_NE(refusal(with_option("application_intent", "readonly")), "");
}

TEST(MssqlOptions, Mode) {
    EXPECT_FALSE(parse_mssql_options(job()).procedures);
    EXPECT_TRUE(parse_mssql_options(with_option("mode", "procedures")).procedures);
    EXPECT_FALSE(parse_mssql_options(with_option("mode", "batches")).procedures);
    EXPECT_NE(refusal(with_option("mode", "jobs")), "");
}

TEST(MssqlOptions, KindOfLoginFollowsTheName) {
    core::Job made = job();
    EXPECT_EQ(parse_mssql_options(made).auth, MssqlAuth::sql);
    made.username = "monitor@server";  // as Azure has them
    EXPECT_EQ(parse_mssql_options(made).auth, MssqlAuth::sql);
    made.username = "CORP\\monitor";
    EXPECT_EQ(parse_mssql_options(made).auth, MssqlAuth::ntlm);
}

// FreeTDS would make another kind of login than was asked for.
TEST(MssqlOptions, KindOfLoginThatTheNameContradicts) {
    const auto refused = [](const char* auth, const char* username) {
        core::Job made = with_option("auth", auth);
        made.username = username;
        return refusal(made);
    };
    EXPECT_NE(refused("sql", "CORP\\monitor").find("must be ntlm"), std::string::npos);
    for (const char* name : {"monitor", "monitor@corp", "\\monitor", "CORP\\"})
        EXPECT_NE(refused("ntlm", name).find("DOMAIN\\user"), std::string::npos) << name;
    EXPECT_NE(refused("kerberos", "CORP\\monitor").find("user@REALM"), std::string::npos);
    EXPECT_NE(refused("windows", "monitor").find("sql, ntlm or kerberos"), std::string::npos);
    EXPECT_EQ(refused("kerberos", "monitor@CORP.EXAMPLE"), "");
    EXPECT_EQ(refused("sql", "monitor"), "");
}

TEST(MssqlOptions, LoginIsComplete) {
    core::Job made = job();
    made.username = "";
    EXPECT_EQ(refusal(made), "username is empty");
    made = job();
    made.port = 0;
    EXPECT_EQ(refusal(made), "port and instance are missing");
    made.options["instance"] = "SQLEXPRESS";
    EXPECT_EQ(refusal(made), "");
    made = job();
    made.username = "a\nb";
    EXPECT_NE(refusal(made), "");
    made = job();
    made.password = core::Secret(std::string(129, 'x'));
    EXPECT_NE(refusal(made), "");
    EXPECT_EQ(refusal(made).find("xxx"), std::string::npos) << "no secret in a message";
}

}  // namespace
}  // namespace vitals::prober
