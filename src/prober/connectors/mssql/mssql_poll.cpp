#include "prober/connectors/mssql/mssql_poll.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>
#include <vector>

#include "core/rates.h"
#include "prober/connectors/mssql/mssql_batch.h"
#include "prober/connectors/mssql/mssql_errors.h"
#include "prober/connectors/mssql/mssql_facts.h"
#include "prober/connectors/mssql/mssql_reader.h"
#include "prober/freetds/tds_failure.h"
#include "prober/groups/group_values.h"

namespace vitals::prober {

namespace {

using core::GroupState;
using Clock = Deadline::Clock;
using Answers = std::vector<MssqlAnswer>;

// A group may break the connection; more of them cost the rest of the poll.
constexpr int max_reconnects = 2;

// Adds the time that something takes, also where it fails.
class Stopwatch {
  public:
    explicit Stopwatch(double& sum_ms) : sum_ms_(sum_ms) {}
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;
    ~Stopwatch() { sum_ms_ += std::chrono::duration<double, std::milli>(Clock::now() - begin_).count(); }

  private:
    double& sum_ms_;
    Clock::time_point begin_ = Clock::now();
};

core::Failure not_permitted(std::string_view permission, const MssqlOptions& options) {
    return {core::ErrorClass::permission, 0,
            fmt::format("{} has no permission {}{}", options.username, permission,
                        permission == server_state ? " (since 2022: VIEW SERVER PERFORMANCE STATE)" : "")};
}

// There is no connection, and what a new one takes was not told.
class PasswordNeeded {};

class Poll {
  public:
    Poll(MssqlShared& shared, MssqlKept& kept, const core::Job& job, const MssqlOptions& options,
         const Deadline& deadline)
        : shared_(shared), kept_(kept), job_(job), options_(options), deadline_(deadline) {}

    core::Result run() {
        try {
            converse();
            conclude();
        } catch (const TdsFailure& error) {
            give_up(error.failure());
        } catch (const PasswordNeeded&) {
            return password_needed();
        }
        return std::move(result_);
    }

  private:
    // What is to be asked, or was: what the connector reads for itself, and groups.
    struct Item {
        std::string_view name;
        std::string_view permission;
        const PlannedGroup* group = nullptr;  // nullptr: read by the connector itself
        std::string own_statement;            // empty: as planned
        MssqlAnswer answer;
        std::size_t rows = 0;
        bool recalled = false;  // not asked: it was refused before
    };

    // What the connector reads for itself.
    void add_own(std::string_view name, std::string_view permission) {
        Item& item = items_.emplace_back();
        item.name = name;
        item.permission = permission;
        item.own_statement = options_.procedures ? procedure_call(name) : std::string(own_statement(name));
    }

    void converse() {
        fresh_ = !(kept_.connection && kept_.connection->good());
        if (kept_.connection) traffic_before_ = kept_.connection->traffic();
        if (fresh_) connect();
        if (!kept_.server) identify();
        choose();
        ask_all(first_questions());
        if (newly_permitted()) ask_all(later_questions());
    }

    void connect() {
        if (job_.password_withheld) throw PasswordNeeded();
        const Stopwatch login(result_.login_ms);
        count_traffic();
        kept_.connection.reset();
        kept_.server.reset();
        kept_.refusals.forget_denied();
        kept_.prepared.forget_connection();
        kept_.connection = open_mssql_connection(shared_, options_, locate_mssql(shared_, options_, deadline_),
                                                 job_.password, deadline_);
        if (!kept_.connection->good())
            throw TdsFailure(describe_failure(kept_.connection->observation(), options_, Moment::login));
        kept_.encrypted = begin_mssql_session(*kept_.connection, options_, deadline_);
    }

    // What was read until then is read again, with all else.
    core::Result password_needed() {
        kept_.connection.reset();
        core::Result result;
        result.failure = core::Failure{core::ErrorClass::internal, 0, "the kept connection is gone"};
        result.needs_password = true;
        return result;
    }

    void count_traffic() {
        if (kept_.connection) result_.bytes += kept_.connection->traffic() - traffic_before_;
        traffic_before_ = 0;
    }

    // The version decides what can be asked: on a new connection it is asked for before all others.
    void identify() {
        items_.clear();
        add_own(server_set_name, "");
        ask_all({0});
        note_server();
    }

    void note_server() {
        const MssqlAnswer& answer = items_.front().answer;
        if (answer.set) kept_.server = read_mssql_server(*answer.set);
    }

    void choose() {
        MssqlKind kind;
        kind.version = kept_.server ? kept_.server->major_version() : 0;
        kind.edition = kept_.server ? kept_.server->engine_edition.value_or(0) : 0;
        kind.procedures = options_.procedures;
        kind.metrics = job_.metrics;
        auto plan = shared_.plans.plan_for(std::move(kind), kept_.plan);
        if (plan != kept_.plan) {
            // What was refused may have been mended.
            if (!kept_.plan || !plan->has_definitions_of(*kept_.plan)) kept_.refusals.clear();
            kept_.plan = std::move(plan);
            kept_.batch_stoppers.clear();
            kept_.apart.clear();
            drop_foreign_samples();
        }
        if (items_.empty()) add_own(server_set_name, "");
        add_own(process_set_name, server_state);
        if (kept_.plan->wants_cpu() && kept_.ask_cpu_history) add_own(cpu_history_set_name, server_state);
        first_group_ = items_.size();
        for (const PlannedGroup& planned : kept_.plan->groups()) {
            const core::MetricGroup& group = planned.plan.group();
            if (!is_due(group.name)) continue;
            Item& item = items_.emplace_back();
            item.name = group.name;
            item.permission = group.permission;
            item.group = &planned;
            if (kept_.batch_stoppers.contains(group.name)) item.own_statement = guarded_statement(planned.statement);
        }
    }

    void drop_foreign_samples() {
        std::erase_if(kept_.samples, [&](const auto& sample) {
            const auto& groups = kept_.plan->groups();
            return std::none_of(groups.begin(), groups.end(), [&](const PlannedGroup& planned) {
                return planned.plan.group().name == sample.first && planned.plan.layout() == sample.second.layout;
            });
        });
    }

    [[nodiscard]] bool is_due(const std::string& name) const {
        return !job_.groups || std::find(job_.groups->begin(), job_.groups->end(), name) != job_.groups->end();
    }

    [[nodiscard]] bool permitted(const Item& item) const {
        return item.permission.empty() || (kept_.server && kept_.server->permits(item.permission));
    }

    void refuse(Item& item, GroupState state, const core::Failure& failure) {
        item.answer.asked = true;
        item.answer.state = state;
        item.answer.failure = failure;
    }

    // Numbers of the items that can be asked; the others are settled.
    std::vector<std::size_t> first_questions() {
        std::vector<std::size_t> numbers;
        for (std::size_t number = 0; number < items_.size(); ++number) {
            Item& item = items_[number];
            const auto* refusal = kept_.refusals.find(item.name);
            if (item.answer.asked) continue;
            if (item.group != nullptr && item.group->statement.empty()) {
                item.answer.asked = true;
                item.answer.state = GroupState::absent;
            } else if (!kept_.server && number > 0) {
                refuse(item, GroupState::failed,
                       {core::ErrorClass::protocol, 0, "the version of the server is not known"});
            } else if (!permitted(item)) {
                refuse(item, GroupState::denied, not_permitted(item.permission, options_));
                unpermitted_.push_back(number);
            } else if (refusal != nullptr) {
                refuse(item, refusal->state, refusal->failure);
                item.recalled = true;
            } else {
                numbers.push_back(number);
            }
        }
        return numbers;
    }

    // What the login may see is read with everything else: it may have changed since the last poll.
    bool newly_permitted() {
        if (items_.front().answer.set) note_server();
        for (std::size_t number = 1; number < items_.size(); ++number) {
            Item& item = items_[number];
            if (item.answer.state == GroupState::ok && item.answer.asked && !permitted(item)) {
                item.answer.set.reset();
                refuse(item, GroupState::denied, not_permitted(item.permission, options_));
            }
        }
        std::erase_if(unpermitted_, [&](std::size_t number) { return !permitted(items_[number]); });
        return !unpermitted_.empty();
    }

    std::vector<std::size_t> later_questions() {
        for (const std::size_t number : unpermitted_)
            items_[number].answer = {};
        return std::exchange(unpermitted_, {});
    }

    void ask_all(const std::vector<std::size_t>& numbers) {
        std::vector<std::size_t> together;
        std::vector<std::size_t> alone;
        for (const std::size_t number : numbers)
            (kept_.apart.contains(items_[number].name) ? alone : together).push_back(number);
        ask_batch(std::move(together));
        for (const std::size_t number : alone)
            ask_batch({number});
    }

    [[nodiscard]] bool has_timeout(std::size_t number) const {
        const Item& item = items_[number];
        return item.group != nullptr && item.group->plan.group().timeout.count() > 0;
    }

    // Of a batch that its server did not answer in time nothing is known: which of the groups with a timeout was too
    // slow is found by asking each of them alone.
    bool split_up(const std::vector<std::size_t>& numbers, const core::Failure& failure) {
        const bool timed =
            std::any_of(numbers.begin(), numbers.end(), [&](auto number) { return has_timeout(number); });
        const bool cut = failure.error_class == core::ErrorClass::timeout && !deadline_.passed();
        if (!timed || !cut || numbers.size() < 2) return false;
        for (const std::size_t number : numbers) {
            if (has_timeout(number)) kept_.apart.put(items_[number].name);
        }
        ask_all(numbers);
        return true;
    }

    void ask_batch(std::vector<std::size_t> numbers) {
        for (int attempt = 0; !numbers.empty(); ++attempt) {
            if (!reconnected()) {
                refuse_all(numbers, *lost_);
                return;
            }
            std::optional<std::size_t> broke_at = ask_once(numbers);
            if (kept_.connection->good()) return;
            const core::Failure failure = describe_failure(kept_.connection->observation(), options_, Moment::batch);
            const bool none = std::none_of(numbers.begin(), numbers.end(),
                                           [&](std::size_t number) { return items_[number].answer.asked; });
            if (broke_at) kept_.refusals.put_aside(items_[*broke_at].name, *items_[*broke_at].answer.failure);
            std::erase_if(numbers, [&](std::size_t number) { return items_[number].answer.asked; });
            // A kept connection may have been closed since the last poll: by the server, its restart or a firewall.
            const bool stale = none && ((!fresh_ && failure.error_class == core::ErrorClass::connection_lost) ||
                                        kept_.prepared.broke_connection());
            if (!broke_at && split_up(numbers, failure)) return;
            const bool again = (stale || !none) && attempt < max_reconnects && !deadline_.passed();
            if (!(stale && again) && !read_anything()) throw TdsFailure(failure);
            if (again) continue;
            refuse_all(numbers, failure);
            return;
        }
    }

    [[nodiscard]] bool read_anything() const {
        return std::any_of(items_.begin(), items_.end(), [](const Item& item) { return item.answer.set.has_value(); });
    }

    void refuse_all(const std::vector<std::size_t>& numbers, const core::Failure& failure) {
        for (const std::size_t number : numbers)
            refuse(items_[number], GroupState::failed, failure);
    }

    // Whether there is a good connection, if need be a new one. One that fails does not take away what was read
    // before; it is not tried twice.
    bool reconnected() {
        if (lost_) return false;
        if (kept_.connection->good()) return true;
        if (job_.password_withheld && read_anything() && deadline_.remaining() < Clock::now() - began_) {
            keep_what_was_read({core::ErrorClass::connection_lost, 0,
                                "the connection ended, and there was no time left to ask all groups again"});
            return false;
        }
        // The version that was found before is still good: a server that was upgraded has been restarted, and says so.
        const auto server = kept_.server;
        try {
            connect();
            fresh_ = true;
        } catch (const TdsFailure& error) {
            if (!read_anything()) throw;
            keep_what_was_read(error.failure());
        }
        kept_.server = server;
        return !lost_;
    }

    // A new connection may be there and have been refused, for example as not encrypted.
    void keep_what_was_read(core::Failure failure) {
        count_traffic();
        kept_.connection.reset();
        lost_ = std::move(failure);
    }

    std::optional<std::size_t> ask_once(const std::vector<std::size_t>& numbers) {
        std::vector<MssqlQuestion> questions;
        questions.reserve(numbers.size());
        for (const std::size_t number : numbers)
            questions.push_back(question_of(items_[number]));
        MssqlReader reader(*kept_.connection, kept_.prepared, options_, deadline_, cost_);
        Answers answers = reader.ask(questions);
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            if (numbers[i] == 0 && answers[i].set) moment_ = moment_of(answers[i]);
            if (answers[i].stops_batch) kept_.batch_stoppers.emplace(items_[numbers[i]].name);
            items_[numbers[i]].answer = std::move(answers[i]);
        }
        if (const auto broke_at = reader.broke_at()) return numbers[*broke_at];
        return std::nullopt;
    }

    // The server is asked for its clock first: what the rest of the batch takes is not between question and answer.
    static AskedAt moment_of(const MssqlAnswer& answer) {
        using std::chrono::system_clock;
        const std::chrono::duration<double, std::milli> took(answer.duration_ms);
        return {answer.asked_at, answer.asked_at + std::chrono::duration_cast<system_clock::duration>(took)};
    }

    static MssqlQuestion question_of(const Item& item) {
        if (item.group == nullptr)
            return {.name = item.name, .statement = item.own_statement, .own = true, .row_limit = own_row_limit};
        const core::MetricGroup& group = item.group->plan.group();
        const std::string& statement = item.own_statement.empty() ? item.group->statement : item.own_statement;
        return {item.name, statement, false, group.row_limit, group.timeout};
    }

    // --- what became of it ---

    void note_cost() {
        count_traffic();
        result_.query_ms = cost_.query_ms;
        result_.round_trips = cost_.round_trips;
    }

    // What it took says whether it was the name, the login or the queries.
    void give_up(core::Failure failure) {
        note_cost();
        kept_.connection.reset();
        result_.outcome = core::Outcome::failed;
        result_.failure = std::move(failure);
    }

    void conclude() {
        note_cost();
        result_.facts = mssql_facts(kept_.server.value_or(MssqlServer{}), moment_, kept_.encrypted);
        read_process();
        for (std::size_t number = first_group_; number < items_.size(); ++number)
            read_group_of(items_[number]);
        for (Item& item : items_)
            note_state(item);
        result_.outcome = result_.failure ? core::Outcome::partial : core::Outcome::ok;
    }

    void read_process() {
        const Item& item = items_[1];
        MssqlProcess now;
        if (item.answer.set) now = read_mssql_process(*item.answer.set);
        clock_ = now.clock;
        // A login that may not see the life of the service has a clock all the same, for what it may see.
        if (!clock_ && kept_.server && kept_.server->utc_us)
            clock_ = core::SampleClock{{}, *kept_.server->utc_us / us_per_ms};
        const MssqlProcess* before = kept_.process ? &*kept_.process : nullptr;
        const auto gap = core::max_gap(job_.interval);
        if (before != nullptr && before->clock && now.clock) {
            if (const auto interval = core::sample_interval(*before->clock, *now.clock, gap))
                result_.interval_ms = static_cast<double>(interval->count());
        }
        if (kept_.plan->wants_cpu()) {
            const auto recorded = recorded_cpu();
            result_.values.push_back({std::string(cpu_metric), "", mssql_cpu_percent(before, now, recorded, gap)});
        }
        if (kept_.plan->wants_clock_skew()) {
            const auto skew = mssql_clock_skew_ms(kept_.server.value_or(MssqlServer{}), moment_);
            result_.values.push_back(
                {std::string(clock_skew_metric), "", skew ? std::optional(static_cast<double>(*skew)) : std::nullopt});
        }
        kept_.ask_cpu_history = lacks_process_cpu(before, now);
        kept_.process = now;
    }

    [[nodiscard]] std::optional<double> recorded_cpu() const {
        if (first_group_ < 3 || !items_[2].answer.set) return std::nullopt;
        return read_recorded_cpu(*items_[2].answer.set, clock_);
    }

    void read_group_of(Item& item) {
        const GroupPlan& plan = item.group->plan;
        if (!item.answer.set) {
            append_unknown_values(plan, result_.values);
            return;
        }
        const GroupReading now = read_group(plan, *item.answer.set);
        item.rows = now.row_count;
        const auto found = kept_.samples.find(item.name);
        const GroupSample* before = found != kept_.samples.end() ? &found->second : nullptr;
        std::optional<std::chrono::milliseconds> interval;
        if (before != nullptr && clock_)
            interval = core::sample_interval(before->clock, *clock_, core::max_gap(job_.interval * plan.group().every));
        const bool all = append_group_values(plan, before, now, interval, result_.values);
        check_reading(item, now, all);
        if (clock_) {
            kept_.samples.insert_or_assign(std::string(item.name), keep_sample(plan, now, *clock_));
        } else if (found != kept_.samples.end()) {
            kept_.samples.erase(found);
        }
    }

    // A result that is not what the definition says is a fault, even where the statement ran.
    static void check_reading(Item& item, const GroupReading& now, bool all_values) {
        const GroupPlan& plan = item.group->plan;
        const auto fail = [&](std::string message, core::ErrorClass error_class = core::ErrorClass::server_error) {
            item.answer.state = GroupState::failed;
            item.answer.failure = core::Failure{error_class, 0, std::move(message)};
        };
        if (!now.missing.empty()) {
            fail(fmt::format("the result has no column \"{}\"", now.missing.front()));
            return;
        }
        const bool needs_rows = plan.group().rows_layout && plan.group().builtin &&
                                std::any_of(plan.metrics().begin(), plan.metrics().end(),
                                            [](const PlannedMetric& planned) { return planned.single; });
        if (needs_rows && now.row_count == 0)
            fail("the server has no performance counters: they were not loaded when it started");
        if (!all_values)
            fail("there are more values than one result may carry, and the last ones are left out",
                 core::ErrorClass::protocol);
    }

    void note_state(Item& item) {
        MssqlAnswer& answer = item.answer;
        core::GroupStatus& status = result_.groups.emplace_back();
        status.name = item.name;
        status.state = answer.state;
        status.duration_ms = answer.duration_ms;
        status.rows = item.group != nullptr ? item.rows : answer.set ? answer.set->rows.size() : 0;
        status.data_bytes = answer.set ? answer.set->data_bytes : 0;
        if (answer.state == GroupState::ok || answer.state == GroupState::absent) return;
        status.failure = answer.failure;
        // What nothing at all was read with says more about the moment than about the group.
        const bool nothing_read = !read_anything();
        if (answer.state == GroupState::denied && !nothing_read && permitted(item) && item.group != nullptr &&
            !item.recalled)
            kept_.refusals.deny(item.name, *answer.failure);
        // To give way is no fault.
        const bool fault = answer.state != GroupState::yielded || nothing_read;
        if (!fault || result_.failure) return;
        result_.failure = answer.failure;
        if (item.group != nullptr)
            result_.failure->message = fmt::format("group {}: {}", item.name, answer.failure->message);
    }

    Clock::time_point began_ = Clock::now();
    MssqlShared& shared_;
    MssqlKept& kept_;
    const core::Job& job_;
    const MssqlOptions& options_;
    const Deadline& deadline_;

    bool fresh_ = false;                 // the connection is of this poll
    std::optional<core::Failure> lost_;  // why there is no connection any more
    std::uint64_t traffic_before_ = 0;
    std::vector<Item> items_;  // 0: server, 1: sysinfo, 2: the ring buffer where it is asked; then groups
    std::size_t first_group_ = 0;
    std::vector<std::size_t> unpermitted_;
    MssqlCost cost_;
    AskedAt moment_;
    std::optional<core::SampleClock> clock_;
    core::Result result_;
};

}  // namespace

core::Result poll_mssql(MssqlShared& shared, MssqlKept& kept, const core::Job& job, const MssqlOptions& options,
                        const Deadline& deadline) {
    return Poll(shared, kept, job, options, deadline).run();
}

}  // namespace vitals::prober
