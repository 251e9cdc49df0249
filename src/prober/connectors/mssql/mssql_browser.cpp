#include "prober/connectors/mssql/mssql_browser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>

#include "prober/connectors/mssql/browser_answer.h"
#include "prober/freetds/tds_failure.h"
#include "prober/network_socket.h"
#include "prober/target_gate.h"

namespace vitals::prober {

namespace {

using core::ErrorClass;

constexpr std::chrono::minutes remembered_for{5};
constexpr std::size_t most_entries = 10'000;
// A datagram may get lost; a Browser answers in milliseconds.
constexpr std::chrono::milliseconds patience{500};
constexpr int attempts = 3;
constexpr std::size_t largest_answer = 4096;

struct Inquiry {
    std::optional<std::uint16_t> port;
    bool answered = false;
    int error = 0;  // errno of the last attempt
};

// Answers that make no sense are passed over: somebody else may have sent them.
void await(const NetworkSocket& socket, const std::string& instance, const Deadline& deadline, Inquiry& inquiry) {
    while (!inquiry.port) {
        std::string answer;
        inquiry.error = socket.receive(answer, largest_answer, deadline);
        if (inquiry.error != 0) return;
        inquiry.answered = true;
        inquiry.port = browser_port(answer, instance);
    }
}

Inquiry inquire(const std::string& address, const std::string& instance, const Deadline& deadline) try {
    Inquiry inquiry;
    const NetworkSocket socket(address, mssql_browser_port, SOCK_DGRAM);
    inquiry.error = socket.connect(deadline);
    const std::string question = browser_question(instance);
    for (int attempt = 0; attempt < attempts && !inquiry.port && !deadline.passed(); ++attempt) {
        if (inquiry.error != 0 && inquiry.error != ETIMEDOUT) break;
        inquiry.error = socket.send(question, deadline);
        if (inquiry.error != 0) continue;
        const auto until = std::min(deadline.at(), Deadline::Clock::now() + patience);
        await(socket, instance, Deadline(until), inquiry);
    }
    return inquiry;
} catch (const std::system_error& error) {
    return {.port = std::nullopt, .answered = false, .error = error.code().value()};
}

[[noreturn]] void report(const std::string& host, const std::string& instance, const Inquiry& last) {
    if (last.answered)
        throw TdsFailure(
            ErrorClass::unreachable,
            fmt::format("the SQL Server Browser of {} knows no TCP port of instance \"{}\"", host, instance));
    const bool silent = last.error == ETIMEDOUT || last.error == 0;
    throw TdsFailure(
        silent ? ErrorClass::timeout : ErrorClass::unreachable,
        fmt::format("no answer from the SQL Server Browser of {} (UDP {}) about instance \"{}\"{}", host,
                    mssql_browser_port, instance, silent ? "" : ": " + std::generic_category().message(last.error)));
}

}  // namespace

std::uint16_t MssqlBrowser::port_of(const std::string& host, const std::vector<std::string>& addresses,
                                    const std::string& instance, const Deadline& deadline) {
    const Key key{host, instance};
    {
        const std::lock_guard lock(mutex_);
        const auto known = entries_.find(key);
        if (known != entries_.end() && Deadline::Clock::now() < known->second.until) return known->second.port;
    }
    const auto allowed = keep_allowed(addresses, mssql_browser_port, host);
    Inquiry last;
    for (const std::string& address : allowed) {
        last = inquire(address, instance, deadline);
        if (!last.port) continue;
        const std::lock_guard lock(mutex_);
        if (entries_.size() >= most_entries) entries_.clear();
        entries_[key] = {*last.port, Deadline::Clock::now() + remembered_for};
        return *last.port;
    }
    report(host, instance, last);
}

void MssqlBrowser::forget(const std::string& host, const std::string& instance) {
    const std::lock_guard lock(mutex_);
    entries_.erase({host, instance});
}

}  // namespace vitals::prober
