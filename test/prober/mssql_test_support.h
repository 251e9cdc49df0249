// What the tests of the mssql connector share: one session that is polled, and readable failures.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/wire.h"
#include "prober/connectors/mssql/mssql_connector.h"
#include "prober/deadline.h"
#include "simulated_servers.h"

namespace vitals::prober {

// How much later than its deadline a poll may end. Sanitizers slow everything down several times.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::chrono::milliseconds lateness{1500};
#else
constexpr std::chrono::milliseconds lateness{250};
#endif
// For tests that are about something else than the deadline.
constexpr std::chrono::seconds ample_deadline{20};

// Polls one target as the prober does.
class Poller {
  public:
    Poller() : connector_(make_mssql_connector()), session_(connector_->open_session()) {}

    core::Result poll(const core::Job& job) {
        return measured(job, [&](const Deadline& deadline) { return session_->poll(job, deadline); });
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
