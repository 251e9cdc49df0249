// The conversation of one poll: questions go out together in one batch, and each gets an answer of its own, whatever
// the others did. A statement that fails is asked once more alone; what a statement cut off behind it is asked again.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/wire.h"
#include "prober/connectors/mssql/mssql_options.h"
#include "prober/connectors/mssql/mssql_prepared.h"
#include "prober/deadline.h"
#include "prober/freetds/tds_connection.h"

namespace vitals::prober {

struct MssqlQuestion {
    std::string_view name;  // of a group
    std::string_view statement;
    bool own = false;  // of the connector itself: known to work everywhere
    std::size_t row_limit = max_batch_rows;
    std::chrono::milliseconds timeout{0};  // 0: until the deadline
};

struct MssqlAnswer {
    bool asked = false;  // something came of it; false only where the connection broke before
    core::GroupState state = core::GroupState::failed;
    std::optional<core::Failure> failure;            // unless ok
    std::optional<ResultSet> set;                    // if ok
    std::chrono::system_clock::time_point asked_at;  // when its batch was sent
    double duration_ms = 0;
    bool stops_batch = false;  // with this statement in it nothing of a batch is answered
};

// What a conversation has cost.
struct MssqlCost {
    std::uint64_t round_trips = 0;
    double query_ms = 0;
};

class MssqlReader {
  public:
    MssqlReader(TdsConnection& connection, MssqlPrepared& prepared, const MssqlOptions& options,
                const Deadline& deadline, MssqlCost& cost)
        : connection_(connection), prepared_(prepared), options_(options), deadline_(deadline), cost_(cost) {}

    // Answers in the order of the questions. The connection may be broken afterwards (good()): then the question that
    // broke it has the answer failed, and those that were not reached are not asked().
    std::vector<MssqlAnswer> ask(const std::vector<MssqlQuestion>& questions);

    // The question that was being answered when the connection broke.
    [[nodiscard]] std::optional<std::size_t> broke_at() const noexcept { return broke_at_; }

  private:
    using Numbers = std::vector<std::size_t>;  // of questions

    void ask_together(Numbers numbers);
    void ask_in_halves(const Numbers& numbers);
    void ask_failed_ones_again();
    // Returns the numbers that got no answer.
    Numbers exchange(const Numbers& numbers);

    struct Exchange {
        BatchReply reply;
        std::chrono::system_clock::time_point asked_at;
        Deadline::Clock::time_point begin;
        std::optional<std::size_t> reached;  // the question whose marker came last
    };
    // The statements of these questions, prepared where that has been done or is worth it.
    Exchange send(const Numbers& numbers);
    Exchange send_text(const std::string& sql, const Numbers& numbers);
    [[nodiscard]] std::string text_of(const Numbers& numbers) const;
    [[nodiscard]] Deadline limit_for(const Numbers& numbers) const;
    void find_who_broke_it(const Numbers& numbers, std::optional<std::size_t> reached);
    void blame_for_breaking(std::size_t number);
    [[nodiscard]] core::Failure stray_failure() const;
    void settle(std::size_t number, core::Failure failure);

    TdsConnection& connection_;
    MssqlPrepared& prepared_;
    const MssqlOptions& options_;
    const Deadline& deadline_;
    MssqlCost& cost_;
    const std::vector<MssqlQuestion>* questions_ = nullptr;
    std::vector<MssqlAnswer> answers_;
    std::vector<bool> alone_;  // it makes no sense to ask it alone once more
    std::optional<std::size_t> broke_at_;
    std::vector<ServerMessage> stray_errors_;  // of a batch that answered nothing
};

}  // namespace vitals::prober
