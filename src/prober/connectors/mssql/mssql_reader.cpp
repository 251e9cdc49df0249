#include "prober/connectors/mssql/mssql_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "prober/connectors/mssql/mssql_batch.h"
#include "prober/connectors/mssql/mssql_errors.h"

namespace vitals::prober {

namespace {

using core::ErrorClass;
using core::GroupState;

double milliseconds_between(Deadline::Clock::time_point from, Deadline::Clock::time_point to) {
    return std::chrono::duration<double, std::milli>(to - from).count();
}

GroupState state_of(const core::Failure& failure) {
    if (failure.error_class == ErrorClass::permission) return GroupState::denied;
    return failure.error_class == ErrorClass::yielded ? GroupState::yielded : GroupState::failed;
}

// An error that the whole batch failed with, although only one of its statements need be the reason.
bool may_be_one_statement(ErrorClass error_class) {
    return error_class == ErrorClass::version || error_class == ErrorClass::server_error ||
           error_class == ErrorClass::permission || error_class == ErrorClass::database_unavailable;
}

// The question whose marker this is.
std::optional<std::size_t> marked_question(const ResultSet& set, const std::vector<MssqlQuestion>& questions,
                                           const std::vector<std::size_t>& numbers) {
    if (set.columns.size() != 1 || set.rows.size() != 1 || set.columns.front() != marker_column) return std::nullopt;
    const auto name = text_at(set.rows.front(), 0);
    if (!name) return std::nullopt;
    const auto found = std::find_if(numbers.begin(), numbers.end(),
                                    [&](std::size_t number) { return questions[number].name == *name; });
    return found != numbers.end() ? std::optional(*found) : std::nullopt;
}

// Of the sets of a reply those that belong to one question: from behind its marker to the next one.
struct Section {
    std::size_t number;
    std::size_t marker;
    std::size_t end;
};

std::vector<Section> sections_of(const BatchReply& reply, const std::vector<MssqlQuestion>& questions,
                                 const std::vector<std::size_t>& numbers) {
    std::vector<Section> sections;
    for (std::size_t set = 0; set < reply.sets.size(); ++set) {
        const auto number = marked_question(reply.sets[set], questions, numbers);
        if (!number) continue;
        if (!sections.empty()) sections.back().end = set;
        sections.push_back({*number, set, reply.sets.size()});
    }
    return sections;
}

const ServerMessage* first_error(const BatchReply& reply, const Section& section) {
    const auto found = std::find_if(reply.errors.begin(), reply.errors.end(), [&](const ServerMessage& error) {
        return error.place > 2 * section.marker && error.place <= 2 * section.end;
    });
    return found != reply.errors.end() ? &*found : nullptr;
}

}  // namespace

std::vector<MssqlAnswer> MssqlReader::ask(const std::vector<MssqlQuestion>& questions) {
    questions_ = &questions;
    answers_.assign(questions.size(), {});
    alone_.assign(questions.size(), false);
    broke_at_.reset();
    Numbers all(questions.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    ask_together(all);
    if (questions.size() > 1) ask_failed_ones_again();
    return std::move(answers_);
}

void MssqlReader::ask_together(Numbers numbers) {
    while (!numbers.empty() && connection_.good()) {
        Numbers rest = exchange(numbers);
        if (rest.size() == numbers.size()) {
            ask_in_halves(rest);
            return;
        }
        numbers = std::move(rest);
    }
}

// A batch that does not compile answers nothing at all, and does not say which of its statements is to blame.
void MssqlReader::ask_in_halves(const Numbers& numbers) {
    if (!connection_.good()) return;
    const core::Failure failure = stray_failure();
    const std::size_t first = numbers.front();
    const bool answered = numbers.size() > 1 && exchange({first}).empty();
    if (!connection_.good()) return;
    if (!answered) {
        const core::Failure alone = stray_failure();
        const bool own = (*questions_)[first].own;
        settle(first, alone);
        alone_[first] = true;
        answers_[first].stops_batch = !own;
        // Where what cannot be wrong fails in the same way, so does everything.
        if ((own && alone.number == failure.number) || !may_be_one_statement(failure.error_class)) {
            for (const std::size_t number : numbers) {
                settle(number, failure);
                alone_[number] = true;
            }
            return;
        }
    }
    const auto begin = numbers.begin() + 1;
    const auto middle = begin + (numbers.end() - begin) / 2;
    ask_together(Numbers(begin, middle));
    ask_together(Numbers(middle, numbers.end()));
}

core::Failure MssqlReader::stray_failure() const {
    if (stray_errors_.empty()) return {ErrorClass::protocol, 0, "the server left out a part of the answer"};
    return describe_server_error(stray_errors_.front(), options_, Moment::batch);
}

// Once: what failed among others may have failed because of them.
void MssqlReader::ask_failed_ones_again() {
    for (std::size_t number = 0; number < answers_.size(); ++number) {
        if (!connection_.good() || deadline_.passed()) return;
        const MssqlAnswer& answer = answers_[number];
        if (!answer.asked || answer.state != GroupState::failed || alone_[number]) continue;
        if (answer.failure->error_class == ErrorClass::version) continue;
        MssqlAnswer before = std::move(answers_[number]);
        answers_[number] = {};
        exchange({number});
        if (!answers_[number].asked) answers_[number] = std::move(before);
    }
}

std::string MssqlReader::text_of(const Numbers& numbers) const {
    std::string text;
    for (const std::size_t number : numbers) {
        const MssqlQuestion& question = (*questions_)[number];
        text += marker_statement(question.name);
        text += ";\n";
        text += question.statement;
        text += ";\n";
    }
    return text;
}

MssqlReader::Exchange MssqlReader::send_text(const std::string& sql, const Numbers& numbers) {
    Exchange exchange;
    const BatchWatch watch = [&](const ResultSet& set) -> std::optional<BatchLimits> {
        const auto number = marked_question(set, *questions_, numbers);
        if (!number) return std::nullopt;
        exchange.reached = number;
        const MssqlQuestion& question = (*questions_)[*number];
        return BatchLimits{limit_for(question.timeout.count() > 0 ? Numbers{*number} : numbers), question.row_limit};
    };
    exchange.asked_at = std::chrono::system_clock::now();
    exchange.begin = Deadline::Clock::now();
    exchange.reply = connection_.run(sql, limit_for(numbers), watch);
    cost_.query_ms += milliseconds_between(exchange.begin, Deadline::Clock::now());
    ++cost_.round_trips;
    return exchange;
}

// What is asked alone is asked so for once, or is short; a site that allows nothing but its procedures gets nothing
// else.
MssqlReader::Exchange MssqlReader::send(const Numbers& numbers) {
    const std::string text = text_of(numbers);
    MssqlPrepared::Batch batch;
    if (numbers.size() > 1 && !options_.procedures) batch = prepared_.batch_for(text);
    if (batch.form == MssqlPrepared::Form::text) return send_text(text, numbers);

    const std::string_view first = (*questions_)[numbers.front()].name;
    Exchange exchange = send_text(batch.sql, numbers);
    if (prepared_.accept(batch, exchange.reply, first)) return exchange;
    if (!connection_.good()) {
        prepared_.note_break(batch, connection_.observation().cut_off);
        return exchange;
    }
    if (deadline_.passed()) return exchange;
    exchange = send_text(text, numbers);
    if (connection_.good()) prepared_.compare(batch, exchange.reply, first);
    return exchange;
}

MssqlReader::Numbers MssqlReader::exchange(const Numbers& numbers) {
    auto [reply, asked_at, begin, reached] = send(numbers);
    const std::vector<Section> sections = sections_of(reply, *questions_, numbers);
    for (const Section& section : sections) {
        MssqlAnswer& answer = answers_[section.number];
        const bool last = &section == &sections.back();
        if (last && !connection_.good()) break;
        if (answer.asked) continue;
        const std::size_t data = section.marker + 1;
        if (const ServerMessage* error = first_error(reply, section)) {
            settle(section.number, describe_server_error(*error, options_, Moment::batch));
        } else if (data < section.end) {
            answer.asked = true;
            answer.state = GroupState::ok;
            answer.set = std::move(reply.sets[data]);
        } else {
            settle(section.number, {ErrorClass::protocol, 0, "the statement gave no result set"});
        }
        answer.asked_at = asked_at;
        answer.duration_ms = milliseconds_between(section.marker > 0 ? reply.read_at[section.marker - 1] : begin,
                                                  reply.read_at[section.end - 1]);
    }
    stray_errors_ = sections.empty() ? std::move(reply.errors) : std::vector<ServerMessage>{};
    if (!connection_.good()) find_who_broke_it(numbers, reached);

    Numbers rest;
    std::copy_if(numbers.begin(), numbers.end(), std::back_inserter(rest),
                 [&](std::size_t number) { return !answers_[number].asked; });
    return rest;
}

// A server keeps what it answers until a packet is full: which of these statements runs is not known, and the longest
// of their timeouts holds.
Deadline MssqlReader::limit_for(const Numbers& numbers) const {
    std::chrono::milliseconds longest{0};
    for (const std::size_t number : numbers)
        longest = std::max(longest, (*questions_)[number].timeout);
    if (longest.count() == 0) return deadline_;
    const Deadline own = Deadline::after(longest);
    return own.at() < deadline_.at() ? own : deadline_;
}

void MssqlReader::find_who_broke_it(const Numbers& numbers, std::optional<std::size_t> reached) {
    const bool timed_out = connection_.observation().cut_off == CutOff::deadline && !deadline_.passed();
    const auto has_timeout = [&](std::size_t number) { return (*questions_)[number].timeout.count() > 0; };
    if (timed_out && numbers.size() == 1) reached = numbers.front();
    // One that has no timeout was not the one that exceeded it.
    if (!reached || answers_[*reached].asked || (timed_out && !has_timeout(*reached))) return;
    blame_for_breaking(*reached);
}

void MssqlReader::blame_for_breaking(std::size_t number) {
    core::Failure failure = describe_failure(connection_.observation(), options_, Moment::batch);
    const auto timeout = (*questions_)[number].timeout;
    if (failure.error_class == ErrorClass::timeout && !deadline_.passed())
        failure.message = fmt::format("it took longer than its timeout of {} ms", timeout.count());
    settle(number, std::move(failure));
    answers_[number].state = GroupState::failed;
    broke_at_ = number;
}

void MssqlReader::settle(std::size_t number, core::Failure failure) {
    MssqlAnswer& answer = answers_[number];
    answer.asked = true;
    answer.state = state_of(failure);
    answer.failure = std::move(failure);
}

}  // namespace vitals::prober
