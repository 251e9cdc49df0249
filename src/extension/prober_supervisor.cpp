#include "extension/prober_supervisor.h"

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "core/secret.h"
#include "pg/log.h"

namespace vitals::ext {

namespace {

using namespace std::chrono_literals;

// A prober keeps its deadlines itself, to about ten milliseconds; one that is this late has lost a thread to its peer.
constexpr auto overdue_after = 1000ms;
constexpr auto greeting_limit = 10s;
// A collector that does hardly anything but storing must notice what hangs, too.
constexpr auto most_patience = 60s;
// Less than a prober keeps them for (core::most_ahead). One that gave them back at once would be given them again at
// once.
constexpr auto least_ahead = core::most_ahead / 2;

FinishedJob lost_job(std::uint64_t id, const std::string& how) {
    FinishedJob job{.id = id, .end = FinishedJob::End::lost, .result = {}};
    job.result.job = id;
    job.result.failure = core::Failure{core::ErrorClass::prober_lost, 0, "prober ended during the poll: " + how};
    return job;
}

FinishedJob unbegun_job(std::uint64_t id, const std::string& how) {
    FinishedJob job = lost_job(id, how);
    job.end = FinishedJob::End::unbegun;
    return job;
}

FinishedJob overdue_job(std::uint64_t id) {
    FinishedJob job{.id = id, .end = FinishedJob::End::overdue, .result = {}};
    job.result.job = id;
    job.result.failure =
        core::Failure{core::ErrorClass::timeout, 0, "the poll did not end by its deadline and its prober was killed"};
    return job;
}

}  // namespace

ProberSupervisor::ProberSupervisor(std::string label, std::function<ProberSettings()> settings)
    : label_(std::move(label)), settings_(std::move(settings)), backoff_(100ms, 60s, 60s) {}

bool ProberSupervisor::available(Time now) const {
    return process_ ? !draining_ && !deaf_ : now >= not_before_;
}

bool ProberSupervisor::start(Time now) {
    greeted_ = false;
    draining_ = false;
    deaf_ = false;
    try {
        process_ = std::make_unique<ProberProcess>(settings_());
    } catch (const std::system_error& error) {
        not_before_ = now + backoff_.failed_after(0ms);
        figures_.last_exit = std::string("the prober could not be started: ") + error.what();
        figures_.last_exit_at = std::chrono::system_clock::now();
        pg::write_log(pg::LogLevel::warning, "could not start prober of " + label_, error.what());
        return false;
    }
    started_ = now;
    not_heard_before_start_ = not_heard_;
    ended_ = 0;
    ++generation_;
    send_definitions();
    figures_.pid = process_->pid();
    figures_.started_at = std::chrono::system_clock::now();
    return true;
}

void ProberSupervisor::define(SharedDefinitions definitions) {
    if (definitions == definitions_) return;
    const SharedDefinitions before = std::exchange(definitions_, std::move(definitions));
    if (!process_ || draining_) return;
    if (before) {
        for (const auto& [connector, groups] : before->of_connector) {
            if (definitions_->of_connector.contains(connector)) continue;
            send(core::encode(core::Define{.connector = connector, .groups = 0, .reset = true, .group = std::nullopt}));
        }
    }
    send_definitions();
}

void ProberSupervisor::send(std::string_view line) {
    if (deaf_ || process_->send(line)) return;
    deaf_ = true;
    process_->kill();
}

void ProberSupervisor::send_definitions() {
    if (!definitions_) return;
    for (const auto& line : definitions_->lines)
        send(line);
}

bool ProberSupervisor::submit(const core::Job& job, Time now) {
    if (!process_ && !start(now)) return false;
    hand_over(job, now);
    return true;
}

void ProberSupervisor::submit_ahead(core::Job job, Time now) {
    job.after = (ahead_.empty() ? ended_ : ahead_.back().after) + 1;
    hand_over(job, now);
    ahead_.push_back({.after = job.after, .id = job.id});
}

void ProberSupervisor::hand_over(const core::Job& job, Time now) {
    std::string line = core::encode(job);
    if (line.size() > core::max_job_line) {
        core::wipe_text(line);
        throw std::length_error("the options and metrics of the server are too long");
    }
    // If it does not read any more, its socket says so in a moment, and the job comes back as lost.
    send(line);
    core::wipe_text(line);
    const bool ahead = job.after > 0;
    in_flight_[job.id] = {.begun = !ahead,
                          .overdue = now + job.deadline + overdue_after + (ahead ? core::most_ahead : 0ms),
                          .not_heard_before = not_heard_,
                          .deadline = job.deadline,
                          .kind = job.kind,
                          .password_withheld = job.password_withheld,
                          .may_return = ahead ? std::optional(now + least_ahead) : std::nullopt,
                          .series = job.series};
}

// It began when its predecessor ended, of which we may have read late: its deadline is watched from now on.
std::optional<std::uint64_t> ProberSupervisor::begin_next(Time now) {
    ++ended_;
    if (ahead_.empty() || ahead_.front().after > ended_) return std::nullopt;
    const auto id = ahead_.front().id;
    ahead_.pop_front();
    withdrawing_ = withdrawing_ && !ahead_.empty();
    InFlight& job = in_flight_.at(id);
    job.begun = true;
    job.overdue = now + job.deadline + overdue_after;
    job.not_heard_before = not_heard_;
    return id;
}

void ProberSupervisor::withdraw(Time now) {
    if (ahead_.empty() || withdrawing_) return;
    withdrawing_ = true;
    // Also those that have begun here: there, the job before may be reported and not counted yet.
    for (auto& [id, job] : in_flight_) {
        if (job.may_return) job.may_return = now;
    }
    send(core::encode(core::Withdraw{}));
}

void ProberSupervisor::forget(const std::string& target) {
    if (process_) send(core::encode(core::Forget{target}));
}

void ProberSupervisor::renew(Time now) {
    if (!process_) return;
    draining_ = true;
    withdraw(now);
    stop_if_idle();
}

void ProberSupervisor::stop_if_idle() {
    if (!process_ || !in_flight_.empty()) return;
    process_.reset();
    figures_.pid = 0;
    figures_.resident_bytes = 0;
}

std::vector<FinishedJob> ProberSupervisor::on_socket(bool readable, bool writable, Time now) {
    std::vector<FinishedJob> finished;
    if (!process_) return finished;
    if (writable && !process_->flush()) {
        end("does not read", now, finished);
        return finished;
    }
    if (!readable) return finished;
    try {
        std::vector<std::string> lines;
        const auto stream = process_->receive(lines);
        for (const auto& line : lines)
            on_line(line, now, finished);
        if (stream == ProberProcess::Stream::ended) end("", now, finished);
    } catch (const core::WireError& error) {
        end(std::string("broke the protocol: ") + error.what(), now, finished);
    }
    if (draining_) stop_if_idle();
    return finished;
}

void ProberSupervisor::on_line(const std::string& line, Time now, std::vector<FinishedJob>& finished) {
    auto report = core::parse_report(line);
    if (auto* hello = std::get_if<core::Hello>(&report)) {
        if (greeted_) throw core::WireError("greeted twice");
        if (hello->version != VITALS_VERSION) throw core::WireError("is of another version than the module");
        greeted_ = true;
        sandbox_missing_ = std::move(hello->sandbox_missing);
        return;
    }
    if (!greeted_) throw core::WireError("did not greet");
    auto& result = std::get<core::Result>(report);
    const auto id = result.job;
    const auto job = in_flight_.find(id);
    if (job == in_flight_.end()) throw core::WireError("answered a job it was not given");
    if (result.unbegun) {
        const auto may_return = job->second.may_return;
        if (!may_return || now < *may_return) throw core::WireError("did not begin a job that it was to begin");
        std::erase_if(ahead_, [&](const Ahead& ahead) { return ahead.id == id; });
        withdrawing_ = withdrawing_ && !ahead_.empty();
        in_flight_.erase(job);
        finished.push_back({.id = id, .end = FinishedJob::End::unbegun, .result = std::move(result)});
        return;
    }
    if (!job->second.begun) throw core::WireError("answered a job that had not begun");
    if (result.without_names && std::ranges::count(job->second.series, *result.series) == 0)
        throw core::WireError("left out names that it was not told are known");
    if (result.needs_password && !job->second.password_withheld)
        throw core::WireError("asked for a password that it was told");
    const bool counts = job->second.kind != core::JobKind::check && !result.needs_password;
    in_flight_.erase(job);
    finished.push_back({.id = id,
                        .end = FinishedJob::End::answered,
                        .result = std::move(result),
                        .followed_by = counts ? begin_next(now) : std::nullopt});
}

ProberSupervisor::Clock::duration ProberSupervisor::patience(Clock::duration not_heard_before) const {
    return std::min<Clock::duration>(not_heard_ - not_heard_before, most_patience);
}

ProberSupervisor::Time ProberSupervisor::greeting_overdue_at() const {
    return started_ + greeting_limit + patience(not_heard_before_start_);
}

std::vector<FinishedJob> ProberSupervisor::on_time(Time now) {
    std::vector<FinishedJob> finished;
    if (!process_) return finished;
    if (!greeted_ && now >= greeting_overdue_at()) {
        end("did not greet", now, finished);
        return finished;
    }
    // Those out of time are to blame; the others are lost with the prober.
    for (auto job = in_flight_.begin(); job != in_flight_.end();) {
        if (now >= overdue_at(job->second)) {
            finished.push_back(job->second.begun ? overdue_job(job->first)
                                                 : unbegun_job(job->first, "a job did not begin in time"));
            job = in_flight_.erase(job);
        } else {
            ++job;
        }
    }
    if (!finished.empty()) end("did not end a poll in time", now, finished);
    return finished;
}

void ProberSupervisor::end(const std::string& reason, Time now, std::vector<FinishedJob>& finished) {
    if (!reason.empty()) process_->kill();
    const std::string exit = process_->reap();
    process_.reset();
    const std::string how = deaf_ ? "does not read" : reason.empty() ? exit : reason;
    figures_.pid = 0;
    figures_.resident_bytes = 0;
    ++figures_.restarts;
    figures_.polls_lost += std::ranges::count_if(in_flight_, [](const auto& entry) { return entry.second.begun; });
    figures_.last_exit = how;
    figures_.last_exit_at = std::chrono::system_clock::now();
    for (const auto& [id, job] : in_flight_)
        finished.push_back(job.begun ? lost_job(id, how) : unbegun_job(id, how));
    in_flight_.clear();
    ahead_.clear();
    withdrawing_ = false;

    const auto wait = backoff_.failed_after(std::chrono::duration_cast<std::chrono::milliseconds>(now - started_));
    not_before_ = now + wait;
    pg::write_log(pg::LogLevel::log, "prober of " + label_ + " ended: " + how,
                  "It is started again in " + std::to_string(wait.count()) + " ms.");
}

std::optional<ProberSupervisor::Time> ProberSupervisor::next_event() const {
    if (!process_) return not_before_ == Time{} ? std::nullopt : std::optional(not_before_);
    std::optional<Time> next;
    if (!greeted_) next = greeting_overdue_at();
    for (const auto& [id, job] : in_flight_)
        next = next ? std::min(*next, overdue_at(job)) : overdue_at(job);
    return next;
}

ProberSupervisor::Figures ProberSupervisor::figures() const {
    Figures figures = figures_;
    figures.in_flight =
        static_cast<int>(std::ranges::count_if(in_flight_, [](const auto& entry) { return entry.second.begun; }));
    return figures;
}

void ProberSupervisor::measure_memory() {
    figures_.resident_bytes = process_ ? resident_bytes_of(process_->pid()) : 0;
}

std::vector<std::string> ProberSupervisor::take_sandbox_missing() {
    return std::exchange(sandbox_missing_, {});
}

}  // namespace vitals::ext
