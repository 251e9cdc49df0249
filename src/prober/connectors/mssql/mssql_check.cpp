#include "prober/connectors/mssql/mssql_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include "prober/connectors/mssql/mssql_batch.h"
#include "prober/connectors/mssql/mssql_errors.h"
#include "prober/connectors/mssql/mssql_facts.h"
#include "prober/connectors/mssql/mssql_options.h"
#include "prober/connectors/mssql/mssql_poll.h"
#include "prober/connectors/mssql/mssql_remedies.h"
#include "prober/freetds/tds_failure.h"

namespace vitals::prober {

namespace {

using core::ErrorClass;

constexpr int version_2012 = 11;
constexpr std::int64_t tolerated_skew_ms = 60'000;

class Checker {
  public:
    Checker(MssqlShared& shared, const core::Job& job, const Deadline& deadline)
        : shared_(shared), job_(job), deadline_(deadline) {}

    core::Result run() {
        try {
            options_ = parse_mssql_options(job_);
            auto connection = connect();
            if (connection) examine(std::move(connection));
        } catch (const TdsFailure& error) {
            fail("configuration", error.failure(), "correct the settings of the server");
        }
        const bool all_ok =
            std::all_of(result_.checks.begin(), result_.checks.end(), [](const auto& c) { return c.ok; });
        result_.outcome = all_ok ? core::Outcome::ok : logged_in_ ? core::Outcome::partial : core::Outcome::failed;
        return std::move(result_);
    }

  private:
    void pass(std::string check, std::string detail, std::string remedy) {
        result_.checks.push_back({std::move(check), true, std::move(detail), std::move(remedy)});
    }
    void pass(std::string check, std::string detail) { pass(std::move(check), std::move(detail), ""); }
    void fail(std::string check, core::Failure failure, std::string remedy) {
        result_.checks.push_back({std::move(check), false, failure.message, std::move(remedy)});
        if (!result_.failure) result_.failure = std::move(failure);
    }

    std::unique_ptr<TdsConnection> connect() {
        std::vector<std::string> addresses;
        try {
            addresses = shared_.resolver.resolve(options_.host, deadline_);
        } catch (const TdsFailure& error) {
            fail("name lookup", error.failure(), "check the host name and the resolver of the machine that collects");
            return nullptr;
        }
        pass("name lookup", fmt::format("{} is {}", options_.host, fmt::join(addresses, ", ")));
        if (!locate(addresses)) return nullptr;
        auto connection = open_mssql_connection(shared_, options_, location_, job_.password, deadline_);
        if (!report_connection(*connection)) return nullptr;
        return connection;
    }

    bool locate(const std::vector<std::string>& addresses) {
        const bool asks_browser = options_.port == 0;
        try {
            location_ = locate_mssql_at(shared_, options_, addresses, deadline_);
        } catch (const TdsFailure& error) {
            if (error.failure().error_class == ErrorClass::not_allowed) {
                fail("target", error.failure(),
                     "an administrator allows it in vitals.allowed_targets, and for the tenant with "
                     "vitals.alter_tenant(name, allowed_targets => …)");
            } else {
                fail("browser", error.failure(),
                     "start the service SQL Server Browser there and open UDP 1434, or give the port of the instance");
            }
            return false;
        }
        if (asks_browser)
            pass("browser", fmt::format("instance {} listens on port {}", options_.instance, location_.port));
        pass("target",
             fmt::format("{} port {} may be connected to", fmt::join(location_.addresses, ", "), location_.port));
        return true;
    }

    bool report_connection(const TdsConnection& connection) {
        const Observation& seen = connection.observation();
        const core::Failure failure =
            connection.good() ? core::Failure{} : describe_failure(seen, options_, Moment::login);
        const ConnectStep step = connection.good() ? ConnectStep::login : failed_step(seen);
        if (step == ConnectStep::tcp) {
            fail("tcp", failure,
                 "check host, port, firewall, and that TCP/IP is enabled in SQL Server Configuration Manager");
            return false;
        }
        pass("tcp", fmt::format("port {} answers", location_.port));
        if (failure.error_class == ErrorClass::tls || (!connection.good() && step == ConnectStep::tls)) {
            const bool tls = failure.error_class == ErrorClass::tls;
            fail("tls", failure, tls ? remedy_for_tls(options_, seen) : remedy_for_opening(failure));
            return false;
        }
        report_tls(seen);
        if (connection.good()) return true;
        const bool kerberos = seen.kerberos_failure.has_value();
        fail("login", failure, kerberos ? remedy_for_kerberos(failure) : remedy_for_login(failure, options_));
        return false;
    }

    void report_tls(const Observation& seen) {
        if (!seen.handshake_done) {
            pass("tls", "not used: the password was sent unencrypted");
        } else if (options_.verify) {
            pass("tls", fmt::format("encrypted, certificate verified for {}", options_.certificate_name));
        } else {
            pass("tls", "encrypted, certificate not verified");
        }
    }

    void examine(std::unique_ptr<TdsConnection> connection) {
        std::string encrypted;
        try {
            encrypted = begin_mssql_session(*connection, options_, deadline_);
        } catch (const TdsFailure& error) {
            fail(error.failure().error_class == ErrorClass::tls ? "tls" : "login", error.failure(),
                 remedy_for_session(error.failure()));
            return;
        }
        logged_in_ = true;
        pass("login", fmt::format("logged in as {}, encrypted: {}", options_.username, encrypted));

        MssqlKept kept;
        kept.connection = std::move(connection);
        kept.encrypted = std::move(encrypted);
        const core::Result reading = poll_mssql(shared_, kept, job_, options_, deadline_);
        if (reading.outcome == core::Outcome::failed) {
            const core::Failure failure = reading.failure.value_or(core::Failure{});
            fail("metrics", failure, remedy_for_session(failure));
            return;
        }
        result_.facts = reading.facts;
        result_.groups = reading.groups;
        if (!kept.server) {
            const core::Failure failure = reading.failure.value_or(core::Failure{});
            fail("version", failure, remedy_for_group(failure, nullptr, options_));
            return;
        }
        server_ = *kept.server;
        plan_ = kept.plan;
        examine_server();
        examine_permissions(reading);
        examine_groups(reading);
        examine_metrics(reading);
        examine_clock(reading);
    }

    void examine_server() {
        const std::string detail =
            clean_server_text(fmt::format("{} {} on {}", server_.version, server_.edition, server_.name));
        if (server_.major_version() >= version_2012) {
            pass("version", detail);
        } else {
            fail("version", {ErrorClass::version, 0, detail}, "SQL Server 2012 or newer is needed");
        }
        if (server_.permits(server_state)) {
            pass("permission", "may view the state of the server");
        } else {
            fail("permission",
                 {ErrorClass::permission, 0, fmt::format("{} may not view the state of the server", options_.username)},
                 remedy_for_permission(server_state, server_, options_));
        }
    }

    // Of each other permission that a group needs, once.
    void examine_permissions(const core::Result& reading) {
        std::map<std::string, const core::GroupStatus*> denied;  // by permission; nothing: granted
        for (const core::GroupStatus& status : reading.groups) {
            const std::string permission(permission_of(status.name));
            const bool known = status.state == core::GroupState::ok || status.state == core::GroupState::denied;
            if (permission.empty() || permission == server_state || !known) continue;
            const core::GroupStatus* refusal = status.state == core::GroupState::denied ? &status : nullptr;
            const auto [entry, is_new] = denied.emplace(permission, refusal);
            if (!is_new && refusal != nullptr) entry->second = refusal;
        }
        for (const auto& [permission, refusal] : denied) {
            if (refusal == nullptr) {
                pass("permission", permission);
            } else {
                fail("permission",
                     {ErrorClass::permission, 0, fmt::format("{} lacks {}", options_.username, permission)},
                     remedy_for_permission(permission, server_, options_));
            }
        }
    }

    void examine_groups(const core::Result& reading) {
        for (const core::GroupStatus& status : reading.groups) {
            const std::string check = "group " + status.name;
            const core::Failure failure = status.failure.value_or(core::Failure{});
            switch (status.state) {
                case core::GroupState::ok:
                    pass_rows(check, status);
                    break;
                case core::GroupState::absent:
                    pass(check, "not in this version or edition");
                    break;
                case core::GroupState::yielded:
                    pass(check, "gave way to other work, is asked again: " + failure.message);
                    break;
                case core::GroupState::denied:
                case core::GroupState::failed:
                    fail(check, failure, remedy_of(status));
                    break;
            }
        }
    }

    void pass_rows(const std::string& check, const core::GroupStatus& status) {
        const std::string detail = fmt::format("{} rows in {:.0f} ms", status.rows, status.duration_ms);
        const core::MetricGroup* group = group_of(status.name);
        if (group == nullptr || status.rows <= group->row_limit) return pass(check, detail);
        pass(check, fmt::format("{}, of which the first {} are used, by its row_limit", detail, group->row_limit),
             remedy_for_rows(*group));
    }

    [[nodiscard]] std::string remedy_of(const core::GroupStatus& status) const {
        if (status.state == core::GroupState::denied)
            return remedy_for_permission(permission_of(status.name), server_, options_);
        return remedy_for_group(status.failure.value_or(core::Failure{}), group_of(status.name), options_);
    }

    // nullptr: the connector's own.
    [[nodiscard]] const core::MetricGroup* group_of(std::string_view name) const {
        for (const PlannedGroup& planned : plan_->groups()) {
            if (planned.plan.group().name == name) return &planned.plan.group();
        }
        return nullptr;
    }

    [[nodiscard]] std::string_view permission_of(std::string_view name) const {
        if (name == process_set_name || name == cpu_history_set_name) return server_state;
        const core::MetricGroup* group = group_of(name);
        return group != nullptr ? std::string_view(group->permission) : std::string_view();
    }

    // What is reported of a poll is the first group in trouble.
    void examine_metrics(const core::Result& reading) {
        if (reading.failure) {
            const auto first = std::find_if(reading.groups.begin(), reading.groups.end(), [](const auto& status) {
                return status.state == core::GroupState::denied || status.state == core::GroupState::failed;
            });
            fail("metrics", *reading.failure, first != reading.groups.end() ? remedy_of(*first) : "");
            return;
        }
        const auto known = std::count_if(reading.values.begin(), reading.values.end(),
                                         [](const core::Value& value) { return value.value.has_value(); });
        pass("metrics", fmt::format("{} of {} metrics have a value now, rates follow with the second poll", known,
                                    reading.values.size()));
    }

    void examine_clock(const core::Result& reading) {
        const auto fact = reading.facts.find("clock_skew_ms");
        if (fact == reading.facts.end()) {
            pass("clock", why_unknown(reading));
            return;
        }
        const std::int64_t skew = std::stoll(fact->second);
        const std::string detail = fmt::format("the clock of the server differs by {} ms", skew);
        if (std::abs(skew) <= tolerated_skew_ms) {
            pass("clock", detail);
        } else {
            fail("clock", {ErrorClass::server_error, 0, detail}, "synchronise the clocks (NTP)");
        }
    }

    // Of the difference of the clocks.
    [[nodiscard]] std::string why_unknown(const core::Result& reading) const {
        if (!server_.utc_us) return "not known: the server did not say what time it is";
        const auto asked = std::find_if(reading.groups.begin(), reading.groups.end(),
                                        [](const auto& status) { return status.name == server_set_name; });
        return fmt::format("not known: the answer took {:.0f} ms, within which the server may have looked at any time",
                           asked != reading.groups.end() ? asked->duration_ms : 0.0);
    }

    MssqlShared& shared_;
    const core::Job& job_;
    const Deadline& deadline_;
    MssqlOptions options_;
    MssqlLocation location_;
    MssqlServer server_;  // once it is known
    std::shared_ptr<const MssqlPlan> plan_;
    core::Result result_;
    bool logged_in_ = false;
};

}  // namespace

core::Result check_mssql(MssqlShared& shared, const core::Job& job, const Deadline& deadline) {
    return Checker(shared, job, deadline).run();
}

}  // namespace vitals::prober
