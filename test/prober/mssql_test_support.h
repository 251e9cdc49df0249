// What the tests of the mssql connector share: one session that is polled, and readable failures.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/wire.h"
#include "prober/connectors/mssql/mssql_connector.h"
#include "prober/deadline.h"
#include "simulated_servers.h"
#include "support/builtin_groups.h"

namespace vitals::prober {

// How much later than its deadline a poll may end. Sanitizers slow everything down several times.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::chrono::milliseconds lateness{1500};
#else
constexpr std::chrono::milliseconds lateness{250};
#endif
// For tests that are about something else than the deadline.
constexpr std::chrono::seconds ample_deadline{20};

// Of a server on this port, in the clear.
inline core::Job plain_job(std::uint16_t port) {
    core::Job job;
    job.connector = "mssql";
    job.host = "127.0.0.1";
    job.port = port;
    job.username = "vitals";
    job.password = core::Secret("vitals");
    job.deadline = ample_deadline;
    job.options["encrypt"] = "off";
    return job;
}

using Definitions = std::shared_ptr<const core::MetricGroups>;

// Of JSON texts.
inline Definitions definitions_of(const std::vector<std::string>& texts) {
    core::MetricGroups groups;
    for (const std::string& text : texts) {
        core::MetricGroup group = core::parse_metric_group(text);
        std::string name = group.name;
        groups.emplace(std::move(name), std::move(group));
    }
    return std::make_shared<const core::MetricGroups>(std::move(groups));
}

// A group with one gauge, the column a.
inline std::string gauge(const std::string& name, const std::string& sql,
                         const nlohmann::json& fields = nlohmann::json::object()) {
    nlohmann::json group{
        {"name", name}, {"variants", {{{"sql", sql}}}}, {"metrics", {{{"name", name + "_a"}, {"source", "a"}}}}};
    group.update(fields);
    return group.dump();
}

inline const nlohmann::json builtin{{"builtin", true}};

// The built-in groups of these names, all of them for none.
inline Definitions builtin_definitions(const std::vector<std::string>& names = {}) {
    std::vector<std::string> texts;
    for (const auto& [name, text] : test::builtin_groups(VITALS_SQL)) {
        if (names.empty() || std::find(names.begin(), names.end(), name) != names.end()) texts.push_back(text);
    }
    return definitions_of(texts);
}

// The metrics that tests of the connection ask for, of four groups and of the connector itself.
inline const std::vector<std::string> nine_metrics{"cpu_percent",        "memory_percent",       "connection_count",
                                                   "batch_requests_sec", "page_life_expectancy", "blocked_processes",
                                                   "wait_time_ms",       "disk_io_reads",        "disk_io_writes"};

// Polls one target as the prober does.
class Poller {
  public:
    explicit Poller(Definitions definitions = builtin_definitions({"counters", "files", "memory", "waits"}))
        : connector_(make_mssql_connector()), session_(connector_->open_session()) {
        define(std::move(definitions));
    }

    void define(Definitions definitions) { connector_->define(std::move(definitions)); }

    core::Result poll(const core::Job& job) {
        return measured(job, [&](const Deadline& deadline) { return session_->poll(job, deadline); });
    }
    core::Result probe(const core::Job& job) {
        return measured(job, [&](const Deadline& deadline) { return session_->probe(job, deadline); });
    }
    core::Result check(const core::Job& job) {
        return measured(job, [&](const Deadline& deadline) { return session_->check(job, deadline); });
    }
    // Of the last call.
    [[nodiscard]] std::chrono::milliseconds took() const { return took_; }

  private:
    template <typename Work>
    core::Result measured(const core::Job& job, Work work) {
        const auto start = std::chrono::steady_clock::now();
        core::Result result = work(Deadline(start + job.deadline));
        took_ = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
        return result;
    }

    std::unique_ptr<Connector> connector_;
    std::unique_ptr<Session> session_;
    std::chrono::milliseconds took_{0};
};

inline std::optional<double> value_of(const core::Result& result, std::string_view metric) {
    for (const core::Value& value : result.values) {
        if (value.metric == metric) return value.value;
    }
    ADD_FAILURE() << "no metric " << metric;
    return std::nullopt;
}

inline std::optional<double> value_of(const core::Result& result, std::string_view metric, std::string_view instance) {
    for (const core::Value& value : result.values) {
        if (value.metric == metric && value.instance == instance) return value.value;
    }
    ADD_FAILURE() << "no metric " << metric << " of " << instance;
    return std::nullopt;
}

// "state", or "state class number message" where there is a reason.
inline std::string state_of(const core::Result& result, std::string_view group) {
    for (const core::GroupStatus& status : result.groups) {
        if (status.name != group) continue;
        std::string text(core::to_text(status.state));
        if (status.failure) {
            text += " " + std::string(core::to_text(status.failure->error_class)) + " " +
                    std::to_string(status.failure->number) + " " + status.failure->message;
        }
        return text;
    }
    return "not there";
}

inline std::string message_of(const core::Result& result) {
    return result.failure ? result.failure->message : "";
}

inline std::string class_of(const core::Result& result) {
    return result.failure ? std::string(core::to_text(result.failure->error_class)) : "";
}

inline const core::Check* find_check(const core::Result& result, std::string_view name) {
    for (const core::Check& check : result.checks) {
        if (check.check == name) return &check;
    }
    return nullptr;
}

}  // namespace vitals::prober
