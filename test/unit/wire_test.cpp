// The line protocol: what is encoded parses to the same, and what breaks a rule is refused.
#include "core/wire.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace vitals::core {
namespace {

Job sample_job() {
    Job job;
    job.id = 17;
    job.kind = JobKind::check;
    job.connector = "mssql";
    job.target = "8d7ad3c6-5a36-4d92-a9a4-6b4aa0e1a111";
    job.deadline = std::chrono::milliseconds{5000};
    job.interval = std::chrono::seconds{60};
    job.host = "sql01.corp.example";
    job.port = 1433;
    job.username = "vitals";
    job.password = Secret("p\"w\\\u00fc");
    job.options = {{"encrypt", "require"}};
    job.metrics = {"cpu_percent"};
    return job;
}

Result sample_result() {
    Result result;
    result.job = 17;
    result.outcome = Outcome::partial;
    result.failure = Failure{ErrorClass::permission, 300, "VIEW SERVER STATE permission was denied"};
    result.duration_ms = 12.5;
    result.interval_ms = 60000;
    result.values = {
        {"cpu_percent", "", 42.0}, {"disk_used_percent", "/", 10.5}, {"batch_requests_sec", "", std::nullopt}};
    result.facts = {{"version", "16.0"}};
    return result;
}

TEST(Wire, JobRoundTrip) {
    const auto command = parse_command(encode(sample_job()));
    const auto& job = std::get<Job>(command);
    EXPECT_EQ(job.id, 17U);
    EXPECT_EQ(job.kind, JobKind::check);
    EXPECT_EQ(job.password.reveal(), "p\"w\\\u00fc");
    EXPECT_EQ(job.options.at("encrypt"), "require");
    EXPECT_EQ(job.port, 1433);
    EXPECT_EQ(job.metrics, std::vector<std::string>{"cpu_percent"});
}

TEST(Wire, JobThatIsHandedOverAhead) {
    Job job = sample_job();
    EXPECT_EQ(std::get<Job>(parse_command(encode(job))).after, 0U);
    job.after = 1'000'000'000'000;
    EXPECT_EQ(std::get<Job>(parse_command(encode(job))).after, job.after);
    Result result = sample_result();
    EXPECT_EQ(std::get<Result>(parse_report(encode(result))).waited_ms, 0);
    result.waited_ms = 20.5;
    EXPECT_EQ(std::get<Result>(parse_report(encode(result))).waited_ms, 20.5);
    EXPECT_FALSE(std::get<Result>(parse_report(encode(result))).unbegun);
    result.unbegun = true;
    EXPECT_TRUE(std::get<Result>(parse_report(encode(result))).unbegun);
    EXPECT_TRUE(std::holds_alternative<Withdraw>(parse_command(encode(Withdraw{}))));
    EXPECT_THROW(parse_command(R"({"withdraw":false})"), WireError);
}

TEST(Wire, JobWhosePasswordIsWithheld) {
    Job job = sample_job();
    EXPECT_EQ(std::get<Job>(parse_command(encode(job))).login, 0U);
    EXPECT_FALSE(std::get<Job>(parse_command(encode(job))).password_withheld);
    job.login = 1'000'000'000'000;
    EXPECT_EQ(std::get<Job>(parse_command(encode(job))).login, job.login);
    job.password_withheld = true;
    EXPECT_THROW(parse_command(encode(job)), WireError) << "and told";
    job.password = {};
    EXPECT_TRUE(std::get<Job>(parse_command(encode(job))).password_withheld);
    job.login = 0;
    EXPECT_THROW(parse_command(encode(job)), WireError) << "of which login?";
    Result result = sample_result();
    EXPECT_FALSE(std::get<Result>(parse_report(encode(result))).needs_password);
    result.needs_password = true;
    EXPECT_TRUE(std::get<Result>(parse_report(encode(result))).needs_password);
}

TEST(Wire, PasswordsOfAllKinds) {
    const auto sent = [](std::string_view password) {
        Job job = sample_job();
        job.password = Secret(password);
        return std::string(std::get<Job>(parse_command(encode(job))).password.reveal());
    };
    for (const std::string password : {"plain", "\\\"\\", "\x01\t\n\x1F\x7F", "\u00fc\u20ac\U0001F600", "{\"job\":1}"})
        EXPECT_EQ(sent(password), password);
    EXPECT_EQ(sent(""), "");
    EXPECT_EQ(sent(std::string(max_text, '\x02')).size(), max_text);
    // What is not UTF-8 is a wrong password, and no line that ends the prober.
    for (const std::string broken : {"\xFC", "a\xE2\x82", "\xC0\x80z", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80"})
        EXPECT_NE(sent(broken).find("\uFFFD"), std::string::npos);
}

TEST(Wire, GroupsOfAJob) {
    EXPECT_FALSE(std::get<Job>(parse_command(encode(sample_job()))).groups) << "nothing is not an empty list";
    Job job = sample_job();
    job.kind = JobKind::probe;
    job.groups = {"waits", "files"};
    const auto command = parse_command(encode(job));
    EXPECT_EQ(std::get<Job>(command).kind, JobKind::probe);
    EXPECT_EQ(std::get<Job>(command).groups, (std::vector<std::string>{"waits", "files"}));
    job.groups = std::vector<std::string>{};
    EXPECT_TRUE(std::get<Job>(parse_command(encode(job))).groups->empty());
    EXPECT_THROW(parse_command(R"({"job":1,"connector":"local","kind":"guess"})"), WireError);
}

TEST(Wire, DefineRoundTrip) {
    const std::string line =
        R"({"define":"mssql","group":{"metrics":[{"name":"m","source":"a"}],"name":"g","variants":[{"sql":"SELECT 1"}]},)"
        R"("groups":2,"reset":true})";
    const auto command = parse_command(line);
    const auto& define = std::get<Define>(command);
    EXPECT_EQ(define.connector, "mssql");
    EXPECT_EQ(define.groups, 2U);
    EXPECT_TRUE(define.reset);
    EXPECT_EQ(define.group->metrics[0].source, "a");
    EXPECT_EQ(encode(define), line);
    const auto none = parse_command(R"({"define":"mssql","groups":0,"reset":true})");
    EXPECT_FALSE(std::get<Define>(none).group);
    EXPECT_THROW(parse_command(R"({"define":"mssql","groups":1})"), WireError);
    EXPECT_THROW(parse_command(R"({"define":"mssql","groups":201})"), WireError);
    EXPECT_THROW(parse_command(R"({"define":"mssql","groups":1,"group":{"name":"g"}})"), WireError);
}

TEST(Wire, TheLargestDefinitionFitsALine) {
    MetricGroup group;
    group.name = "g";
    group.metrics.resize(1);
    group.metrics[0].name = "m";
    group.metrics[0].source = "a";
    group.variants = {{0, {}, std::string(max_group_sql, '"')}};
    while (encode_metric_group(group).size() + 2 * max_group_sql < max_group_line)
        group.variants.push_back(group.variants.front());
    group.variants.push_back({0, {}, std::string((max_group_line - encode_metric_group(group).size() - 20) / 2, '"')});
    ASSERT_LE(encode_metric_group(group).size(), max_group_line);
    const std::string line = encode(Define{"mssql", max_groups, true, group});
    EXPECT_LE(line.size(), max_job_line);
    EXPECT_EQ(*std::get<Define>(parse_command(line)).group, group);
}

TEST(Wire, ForgetRoundTrip) {
    const auto command = parse_command(encode(Forget{"abc"}));
    EXPECT_EQ(std::get<Forget>(command).target, "abc");
}

TEST(Wire, ResultRoundTrip) {
    const auto report = parse_report(encode(sample_result()));
    const auto& result = std::get<Result>(report);
    EXPECT_EQ(result.outcome, Outcome::partial);
    EXPECT_EQ(result.failure->error_class, ErrorClass::permission);
    EXPECT_EQ(result.failure->number, 300);
    ASSERT_EQ(result.values.size(), 3U);
    EXPECT_EQ(result.values[1].instance, "/");
    EXPECT_DOUBLE_EQ(*result.values[1].value, 10.5);
    EXPECT_FALSE(result.values[2].value);
    EXPECT_DOUBLE_EQ(*result.interval_ms, 60000);
    EXPECT_EQ(result.facts.at("version"), "16.0");
}

TEST(Wire, AResultWithoutNamesHasItsNumbers) {
    Job job = sample_job();
    job.series = {{18'446'744'073'709'551'615U, 3}, {7, 20'000}};
    EXPECT_EQ(std::get<Job>(parse_command(encode(job))).series, job.series);

    Result result = sample_result();
    result.series = job.series[0];
    const auto named = std::get<Result>(parse_report(encode(result)));
    EXPECT_EQ(named.series, result.series);
    EXPECT_FALSE(named.without_names);
    EXPECT_EQ(named.values.size(), 3U);

    result.without_names = true;
    result.numbers = {42, 10.5, std::numeric_limits<double>::quiet_NaN()};
    const auto line = encode(result);
    EXPECT_EQ(line.find("disk_used_percent"), std::string::npos);
    const auto short_one = std::get<Result>(parse_report(line));
    EXPECT_EQ(short_one.series, result.series);
    EXPECT_TRUE(short_one.without_names);
    EXPECT_TRUE(short_one.values.empty());
    ASSERT_EQ(short_one.numbers.size(), 3U);
    EXPECT_DOUBLE_EQ(short_one.numbers[0], 42);
    EXPECT_DOUBLE_EQ(short_one.numbers[1], 10.5);
    EXPECT_TRUE(std::isnan(short_one.numbers[2]));
}

TEST(Wire, NamesThatAreNotAllSentAreNotToBeRemembered) {
    Result result = sample_result();
    result.values.push_back(result.values[0]);
    result.series = {7, result.values.size()};
    const auto with_a_twin = std::get<Result>(parse_report(encode(result)));
    EXPECT_EQ(with_a_twin.values.size(), 3U);
    EXPECT_FALSE(with_a_twin.series);

    result.values.clear();
    for (std::size_t i = 0; i < 3000; ++i)
        result.values.push_back({"m", std::to_string(i) + std::string(500, 'x'), 1.0});
    result.series = {7, result.values.size()};
    EXPECT_FALSE(std::get<Result>(parse_report(encode(result))).series);
}

TEST(Wire, GroupsOfAResult) {
    Result result = sample_result();
    result.login_ms = 41.5;
    result.query_ms = 7.25;
    result.bytes = 12'345;
    result.round_trips = 2;
    result.groups = {{"waits", GroupState::ok, 1.5, 97, 2400, std::nullopt},
                     {"files", GroupState::denied, 0, 0, 0, Failure{ErrorClass::permission, 300, "denied\n"}},
                     {"agent", GroupState::absent, 0, 0, 0, std::nullopt},
                     {"waits", GroupState::ok, 9, 9, 9, std::nullopt}};
    const auto report = parse_report(encode(result));
    const auto& parsed = std::get<Result>(report);
    EXPECT_DOUBLE_EQ(parsed.login_ms, 41.5);
    EXPECT_DOUBLE_EQ(parsed.query_ms, 7.25);
    EXPECT_EQ(parsed.bytes, 12'345U);
    EXPECT_EQ(parsed.round_trips, 2U);
    ASSERT_EQ(parsed.groups.size(), 3U) << "the first of a name stays";
    EXPECT_EQ(parsed.groups[0].name, "waits");
    EXPECT_EQ(parsed.groups[0].state, GroupState::ok);
    EXPECT_DOUBLE_EQ(parsed.groups[0].duration_ms, 1.5);
    EXPECT_EQ(parsed.groups[0].rows, 97U);
    EXPECT_EQ(parsed.groups[0].data_bytes, 2400U);
    EXPECT_FALSE(parsed.groups[0].failure);
    EXPECT_EQ(parsed.groups[1].failure->error_class, ErrorClass::permission);
    EXPECT_EQ(parsed.groups[1].failure->number, 300);
    EXPECT_EQ(parsed.groups[1].failure->message, "denied ");
    EXPECT_EQ(parsed.groups[2].state, GroupState::absent);
}

TEST(Wire, ChecksRoundTrip) {
    Result result;
    result.outcome = Outcome::ok;
    result.checks = {{"tls", true, "TLS 1.2", ""},
                     {"permission", false, "denied", "GRANT VIEW SERVER STATE TO [vitals]"}};
    const auto report = parse_report(encode(result));
    const auto& parsed = std::get<Result>(report);
    ASSERT_EQ(parsed.checks.size(), 2U);
    EXPECT_TRUE(parsed.checks[0].ok);
    EXPECT_EQ(parsed.checks[1].remedy, "GRANT VIEW SERVER STATE TO [vitals]");
}

TEST(Wire, HelloRoundTrip) {
    const auto report = parse_report(encode(Hello{"0.1.0", {"landlock"}}));
    EXPECT_EQ(std::get<Hello>(report).sandbox_missing, std::vector<std::string>{"landlock"});
}

TEST(Wire, WhatIsEncodedAlwaysParses) {
    Result result = sample_result();
    result.duration_ms = std::numeric_limits<double>::quiet_NaN();
    result.values[0].value = std::numeric_limits<double>::infinity();
    result.failure->message = std::string("bad\0utf8 \xff\xfe ", 12) + std::string(5000, 'x') + "\r\nHeader: y";
    result.facts["k"] = std::string(max_text - 1, 'x') + "\u00fc";
    const auto report = parse_report(encode(result));
    const auto& parsed = std::get<Result>(report);
    EXPECT_FALSE(parsed.values[0].value);
    EXPECT_EQ(parsed.duration_ms, 0);
    EXPECT_EQ(parsed.failure->message.find('\n'), std::string::npos);
    EXPECT_LE(parsed.failure->message.size(), max_text);
    EXPECT_EQ(parsed.facts.at("k").substr(0, max_text - 1), std::string(max_text - 1, 'x'));
}

class BadReport : public testing::TestWithParam<const char*> {};

TEST_P(BadReport, IsRefused) {
    EXPECT_THROW(parse_report(GetParam()), WireError);
}

INSTANTIATE_TEST_SUITE_P(
    Wire, BadReport,
    testing::Values("", "x", "[]", "{}", "42", "{\"job\":1}", "{\"job\":-1,\"outcome\":\"ok\",\"duration_ms\":1}",
                    "{\"job\":1.5,\"outcome\":\"ok\",\"duration_ms\":1}",
                    "{\"job\":18446744073709551616,\"outcome\":\"ok\",\"duration_ms\":1}",
                    "{\"job\":1,\"outcome\":\"fine\",\"duration_ms\":1}",
                    "{\"job\":1,\"outcome\":\"failed\",\"duration_ms\":1}",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"error\":{\"class\":\"login\",\"number\":1,"
                    "\"message\":\"\"}}",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":-1}",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1e999}",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"tenant\":\"other\"}",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"login_ms":-1})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"waited_ms":-1})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"bytes":-1})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"round_trips":0.5})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"groups":[["g","ok",1,1]]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"groups":[["g","ok",1,1,-1]]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"groups":[["g","fine",1,1,1]]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"groups":[["","ok",1,1,1]]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"groups":[["g","ok",-1,1,1]]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"groups":[["g","ok",1,1,1],["g","ok",1,1,1]]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"groups":[["g","failed",1,1,1]]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"groups":[["g","ok",1,1,1,"login",1,"x"]]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"groups":[["g","failed",1,1,1,"odd",1,"x"]]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"groups":[["g","failed",1,1,1,"login",1,"x\u0007"]]})",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"values\":{}}",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"values\":[[\"a\"]]}",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"values\":[[\"\",1]]}",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"values\":[[\"a\",\"1\"]]}",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"values\":[[\"a\",1],[\"a\",2]]}",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"values\":[[\"a\",1e999]]}",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"values\":[[\"a\\u0000b\",1]]}",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"values\":[[\"a\",1,\"x\\ny\"]]}",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"numbers":[1]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":-7,"numbers":[1]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":["1"]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[true]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[[1]]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[{}]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":{}})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":1})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[1e999]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[1,]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[,1]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[nul]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[007]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[-01]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[1.]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[1.e5]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[nan]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[-inf]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[-]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[1}]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"facts":{"a":"b","numbers":[1]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,,"numbers":[1]})",
                    R"("job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[1]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[1],"numbers":[1]})",
                    R"({"job":1,"outcome":"ok","duration_ms":1,"series":7,"numbers":[1],"values":[["a",1]]})",
                    R"({"hello":"vitals_prober","version":"1","sandbox_missing":[],"numbers":[1]})",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"facts\":{\"a\":\"x\\ny\"}}",
                    "{\"job\":1,\"outcome\":\"failed\",\"duration_ms\":1,\"error\":{\"class\":\"login\","
                    "\"number\":1,\"message\":\"x\\u001b[31m\"}}",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"facts\":{\"a\":1}}",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1} trailing",
                    "{\"hello\":\"someone\",\"version\":\"1\",\"sandbox_missing\":[]}",
                    "{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"values\":[[[[[[[[[[[[1]]]]]]]]]]]]}"));

TEST(Wire, NumbersAreTheSameWhereverTheyStand) {
    const std::string numbers = R"("numbers":[0,-0.5,null,1e300,2.5E-3,123456789012345678,7])";
    const std::string others = R"("outcome":"ok","duration_ms":1,"series":7)";
    const auto numbers_in = [](const std::string& line) { return std::get<Result>(parse_report(line)).numbers; };
    auto last = numbers_in(R"({"job":1,)" + others + "," + numbers + "}");
    ASSERT_EQ(last.size(), 7U);
    EXPECT_TRUE(std::isnan(last[2]));
    EXPECT_EQ(last[5], 123456789012345678.0);
    last[2] = 0;
    for (const auto& line :
         {R"({"job":1,)" + numbers + "," + others + "}", R"({"job":1,)" + others + " ," + numbers + " } "}) {
        auto read = numbers_in(line);
        ASSERT_EQ(read.size(), last.size()) << line;
        EXPECT_TRUE(std::isnan(read[2])) << line;
        read[2] = 0;
        EXPECT_EQ(read, last) << line;
    }
}

TEST(Wire, InvalidUtf8IsRefused) {
    EXPECT_THROW(parse_report("{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"facts\":{\"a\":\"\xff\"}}"),
                 WireError);
}

TEST(Wire, LongLineIsRefused) {
    EXPECT_THROW(parse_report(std::string(max_result_line + 1, ' ')), WireError);
}

TEST(Wire, TooManyValuesAreLeftOutAndRefused) {
    Result result;
    result.outcome = Outcome::ok;
    std::string values;
    for (std::size_t i = 0; i <= max_values; ++i) {
        result.values.push_back({"m" + std::to_string(i), "", 1.0});
        values += (i == 0 ? "[\"m" : ",[\"m") + std::to_string(i) + "\",1]";
    }
    const auto cut = parse_report(encode(result));
    EXPECT_EQ(std::get<Result>(cut).values.size(), max_values);
    EXPECT_EQ(std::get<Result>(cut).outcome, Outcome::partial);
    EXPECT_NE(std::get<Result>(cut).failure.value_or(Failure{}).message.find("left out"), std::string::npos);
    result.values.pop_back();
    EXPECT_EQ(std::get<Result>(parse_report(encode(result))).outcome, Outcome::ok);
    EXPECT_THROW(parse_report("{\"job\":1,\"outcome\":\"ok\",\"duration_ms\":1,\"values\":[" + values + "]}"),
                 WireError);
}

TEST(Wire, ValuesThatExceedTheLineAreMarked) {
    Result result;
    result.outcome = Outcome::ok;
    for (std::size_t i = 0; i < 3000; ++i)
        result.values.push_back({"m", std::to_string(i) + std::string(500, 'x'), 1.0});
    const auto report = parse_report(encode(result));
    EXPECT_EQ(std::get<Result>(report).values.size(), 1500U);
    EXPECT_EQ(std::get<Result>(report).outcome, Outcome::partial);
}

// Each group that a prober can have, its permission, and the steps of the connection.
TEST(Wire, ThePreflightHasRoomForEveryGroup) {
    Result result;
    result.outcome = Outcome::ok;
    for (std::size_t i = 0; i < max_groups + 32; ++i)
        result.checks.push_back({std::to_string(i), true, std::string(200, 'd'), std::string(300, 'r')});
    EXPECT_EQ(std::get<Result>(parse_report(encode(result))).checks.size(), result.checks.size());
}

TEST(Wire, NamesThatBecomeTheSameKeepTheFirstValue) {
    Result result;
    result.outcome = Outcome::ok;
    result.values = {{"m", "a\nb", 1.0}, {"m", "a b", 2.0}, {"", "x", 3.0}, {"m", "c", 4.0}};
    const auto report = parse_report(encode(result));
    const auto& values = std::get<Result>(report).values;
    ASSERT_EQ(values.size(), 2U);
    EXPECT_EQ(values[0].value, 1.0);
    EXPECT_EQ(values[1].instance, "c");
}

TEST(Wire, WhatExceedsTheLineIsLeftOut) {
    Result result = sample_result();
    for (std::size_t i = 0; i < max_groups; ++i)
        result.groups.push_back({std::to_string(i) + std::string(max_metric_name, '"'), GroupState::failed, 1e-300, 1,
                                 1, Failure{ErrorClass::internal, -2'000'000'000, std::string(max_text, '"')}});
    for (std::size_t i = 0; i < max_values; ++i)
        result.values.push_back({std::string(max_metric_name, '"'), std::to_string(i) + std::string(500, '"'), 1.0});
    for (std::size_t i = 0; i < 2 * max_checks; ++i)
        result.checks.push_back({"c", false, std::string(max_text, '"'), std::string(max_text, '"')});
    for (std::size_t i = 0; i < 2 * max_options; ++i)
        result.facts[std::to_string(i)] = std::string(max_text, '"');
    const std::string line = encode(result);
    EXPECT_LE(line.size(), max_result_line);
    EXPECT_NO_THROW(parse_report(line));
}

TEST(Wire, JobDefaultsForByHandUse) {
    const auto command = parse_command("{\"job\":1,\"connector\":\"local\"}");
    const auto& job = std::get<Job>(command);
    EXPECT_EQ(job.kind, JobKind::poll);
    EXPECT_EQ(job.deadline.count(), 5000);
    EXPECT_EQ(job.interval.count(), 60);
}

TEST(Wire, JobWithUnknownFieldIsRefused) {
    EXPECT_THROW(parse_command("{\"job\":1,\"connector\":\"local\",\"passwrd\":\"x\"}"), WireError);
}

}  // namespace
}  // namespace vitals::core
