// Which class and which words a failure gets, by what was observed of the connection.
#include "prober/connectors/mssql/mssql_errors.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace vitals::prober {
namespace {

using core::ErrorClass;

const std::string prelogin_answer("\x04\x01\x00\x0F\x00\x00\x01\x00", 8);

MssqlOptions options() {
    MssqlOptions made;
    made.host = "db1";
    made.port = 1433;
    made.username = "monitor";
    made.certificate_name = "db1";
    return made;
}

Observation connected() {
    Observation seen;
    seen.sent = true;
    seen.opening = prelogin_answer;
    return seen;
}

core::Failure describe(const Observation& seen, Moment moment = Moment::login) {
    return describe_failure(seen, options(), moment);
}

void expect(const core::Failure& failure, ErrorClass error_class, const std::string& part) {
    EXPECT_EQ(failure.error_class, error_class) << failure.message;
    EXPECT_NE(failure.message.find(part), std::string::npos) << failure.message;
}

// The names of the fixture are of the design; the class list of the product is closed.
TEST(MssqlErrors, NumbersOfTheFixture) {
    const std::map<std::string, ErrorClass> classes{
        {"permission", ErrorClass::permission},
        {"version", ErrorClass::version},
        {"yielded", ErrorClass::yielded},
        {"database_unavailable", ErrorClass::database_unavailable},
        {"login", ErrorClass::login},
        {"starting", ErrorClass::starting},
        {"transient", ErrorClass::database_unavailable},
        {"server_pressure", ErrorClass::pressure},
    };
    std::ifstream file(VITALS_FIXTURES "/mssql-fixture.json");
    const auto fixture = nlohmann::json::parse(file);
    ASSERT_FALSE(fixture.at("errors").empty());
    for (const auto& error : fixture.at("errors")) {
        const int number = error.at("number").get<int>();
        const auto expected = classes.at(error.at("class").get<std::string>());
        const Moment moment = expected == ErrorClass::login ? Moment::login : Moment::batch;
        EXPECT_EQ(class_of_server_error(number, moment), expected) << number;
    }
}

TEST(MssqlErrors, UnknownNumberIsAServerError) {
    EXPECT_EQ(class_of_server_error(0, Moment::batch), ErrorClass::server_error);
    EXPECT_EQ(class_of_server_error(8134, Moment::batch), ErrorClass::server_error);
    EXPECT_EQ(class_of_server_error(INT32_MAX, Moment::login), ErrorClass::server_error);
}

TEST(MssqlErrors, CannotOpenDatabaseDependsOnTheMoment) {
    EXPECT_EQ(class_of_server_error(4060, Moment::login), ErrorClass::login);
    EXPECT_EQ(class_of_server_error(4060, Moment::batch), ErrorClass::database_unavailable);
}

TEST(MssqlErrors, SocketErrors) {
    Observation seen;
    seen.errors.push_back({20009, ECONNREFUSED});
    expect(describe(seen), ErrorClass::refused, "nothing listens on db1 port 1433");
    seen.errors[0].os_error = EHOSTUNREACH;
    expect(describe(seen), ErrorClass::unreachable, "cannot connect to db1 port 1433");
    seen.errors[0].os_error = ETIMEDOUT;
    expect(describe(seen), ErrorClass::timeout, "cannot connect");
    seen.errors.clear();
    expect(describe(seen), ErrorClass::unreachable, "unknown reason");
}

TEST(MssqlErrors, DeadlineNamesTheStep) {
    Observation seen;
    seen.cut_off = CutOff::deadline;
    expect(describe(seen), ErrorClass::timeout, "while connecting (TCP)");
    seen.sent = true;
    expect(describe(seen), ErrorClass::timeout, "no answer to PRELOGIN");
    seen.opening = prelogin_answer;
    seen.handshake_started = true;
    expect(describe(seen), ErrorClass::timeout, "in the TLS handshake");
    seen.handshake_done = true;
    expect(describe(seen), ErrorClass::timeout, "while logging in");
    expect(describe(seen, Moment::batch), ErrorClass::timeout, "while it was answering the query");
}

TEST(MssqlErrors, Certificates) {
    Observation seen = connected();
    seen.handshake_started = true;
    seen.handshake_done = true;
    seen.verify_status = GNUTLS_CERT_INVALID | GNUTLS_CERT_EXPIRED;
    expect(describe(seen), ErrorClass::tls, "it has expired");
    seen.verify_status = GNUTLS_CERT_INVALID | GNUTLS_CERT_NOT_ACTIVATED;
    expect(describe(seen), ErrorClass::tls, "not valid yet");
    seen.verify_status = GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_NOT_FOUND;
    expect(describe(seen), ErrorClass::tls, "unknown CA");
    seen.verify_status = 0;
    seen.name_matches = false;
    expect(describe(seen), ErrorClass::tls, "not made out to \"db1\"");
}

TEST(MssqlErrors, TheFirstServerErrorExplainsTheOthers) {
    Observation seen = connected();
    seen.messages.push_back({300, 14, "permission was denied"});
    seen.messages.push_back({297, 16, "consequence"});
    const core::Failure failure = describe(seen);
    expect(failure, ErrorClass::permission, "error 300: permission was denied");
    EXPECT_EQ(failure.number, 300);
}

// What another group's statement had reported is not the reason.
TEST(MssqlErrors, WhatCutABatchOffGoesBeforeItsErrors) {
    Observation seen = connected();
    seen.messages.push_back({229, 14, "The SELECT permission was denied"});
    seen.cut_off = CutOff::deadline;
    expect(describe(seen, Moment::batch), ErrorClass::timeout, "while it was answering the query");
    seen.cut_off = CutOff::too_many_cells;
    expect(describe(seen, Moment::batch), ErrorClass::protocol, "more values than any answer has");
    expect(describe(seen, Moment::login), ErrorClass::permission, "error 229");
}

TEST(MssqlErrors, AStatementsErrorIsNotWhyAConnectionEnded) {
    Observation seen = connected();
    seen.messages.push_back({229, 14, "The SELECT permission was denied"});
    expect(describe(seen, Moment::batch), ErrorClass::connection_lost, "closed by the server");
    seen.messages.push_back({596, 21, "Cannot continue the execution because the session is in the kill state."});
    EXPECT_EQ(describe(seen, Moment::batch).number, 596);
    for (const int number : {40197, 40613, 40549, 40553}) {
        seen.messages.back() = {number, 16, "The session has been terminated."};
        EXPECT_EQ(describe(seen, Moment::batch).number, number) << "of Azure SQL Database";
    }
}

TEST(MssqlErrors, NotASqlServer) {
    Observation seen = connected();
    seen.opening = "SSH-2.0-OpenSSH_9.2\r\n";
    expect(describe(seen), ErrorClass::protocol, "it answers with \"SSH-2.0-OpenSSH_9.2");
    EXPECT_EQ(describe(seen).message.find('\r'), std::string::npos);
}

TEST(MssqlErrors, LostConnection) {
    Observation seen = connected();
    seen.errors.push_back({20006, ECONNRESET});
    expect(describe(seen, Moment::batch), ErrorClass::connection_lost, "Connection reset by peer");
    seen.errors.clear();
    expect(describe(seen, Moment::batch), ErrorClass::connection_lost, "closed by the server");
}

TEST(MssqlErrors, BadToken) {
    Observation seen = connected();
    seen.errors.push_back({20020, 0});
    seen.errors.push_back({20047, 0});
    expect(describe(seen, Moment::batch), ErrorClass::protocol, "is not understood (bad token)");
}

TEST(MssqlErrors, TextOfTheServerIsCleaned) {
    EXPECT_EQ(clean_server_text("a\r\nb\tc\x7F"), "a  b c ");
    EXPECT_EQ(clean_server_text(std::string(600, 'x')).size(), 512U);
    // Two bytes each: 512 is in the middle of one when it begins at an odd place.
    std::string umlauts = "x";
    for (int i = 0; i < 300; ++i)
        umlauts += "ä";
    EXPECT_EQ(clean_server_text(umlauts).size(), 511U);
    EXPECT_EQ(clean_server_text(std::string("a\0b", 3)), "a b");
}

}  // namespace
}  // namespace vitals::prober
