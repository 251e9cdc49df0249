// Keeps one tenant's prober running and honest: starts it when there is work, watches that every job ends in time,
// checks that what it says is about jobs it was given, and replaces it with a back-off when it dies, hangs or breaks
// the protocol. Whatever happens to a prober, every job that was submitted comes back exactly once.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/backoff.h"
#include "core/wire.h"
#include "extension/definitions.h"
#include "extension/prober_process.h"
#include "pg/wait_set.h"

namespace vitals::ext {

struct FinishedJob {
    enum class End {
        answered,  // result is the prober's
        overdue,   // it did not answer in time and was killed for it; result is a failure of class timeout
        lost,      // it ended for another reason; result is a failure of class prober_lost
        unbegun,   // it was handed over ahead and did not begin
    };
    std::uint64_t id = 0;
    End end = End::lost;
    core::Result result;
    std::optional<std::uint64_t> followed_by{};  // the job that was handed over ahead and begins now
};

class ProberSupervisor {
  public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;

    // label: whose prober it is, for the log. settings: asked for at each start.
    ProberSupervisor(std::string label, std::function<ProberSettings()> settings);

    // What probers are told about metric groups, from now on.
    void define(SharedDefinitions definitions);

    // Whether a job can be submitted now: there is no back-off to wait for, and no older prober to drain first.
    [[nodiscard]] bool available(Time now) const;
    // Hands a job over, starting a prober if none runs. False if that failed; the job was not taken then. Throws
    // std::length_error if it makes too long a line.
    bool submit(const core::Job& job, Time now);
    // Hands a poll or probe over that begins when one of those that run has ended: without asking us, so that no time
    // is lost while we are busy. One has to run. It may come back unbegun, within core::most_ahead.
    void submit_ahead(core::Job job, Time now);
    // Whether the prober has room in its socket for more, and nothing is being taken back.
    [[nodiscard]] bool takes_ahead() const { return process_ && !process_->interest().write && !withdrawing_; }
    // Takes back what was handed over ahead: what has not begun comes back unbegun.
    void withdraw(Time now);
    void forget(const std::string& target);
    // Ends an idle prober; it starts again with the next job.
    void stop_if_idle();
    // The next start uses new settings: a running prober gets no more jobs and ends once it is idle.
    void renew(Time now);

    // Another one with each start, 0 while none runs: what was known of the connections of the prober before is void.
    [[nodiscard]] std::uint64_t generation() const noexcept { return process_ ? generation_ : 0; }

    // The collector did something else for so long: what a prober said meanwhile it could not read, and if that was
    // much, the prober could not even say it.
    void was_not_heard(Clock::duration span) noexcept { not_heard_ += span; }

    // What the prober's socket has; call when it is ready.
    [[nodiscard]] std::vector<FinishedJob> on_socket(bool readable, bool writable, Time now);
    // Ends a prober that is out of time.
    [[nodiscard]] std::vector<FinishedJob> on_time(Time now);

    // What to wait for; nothing while no prober runs.
    [[nodiscard]] std::optional<pg::SocketInterest> interest() const noexcept {
        return process_ ? std::optional(process_->interest()) : std::nullopt;
    }
    // When on_time() has something to do, or a back-off ends.
    [[nodiscard]] std::optional<Time> next_event() const;

    struct Figures {
        int pid = 0;  // 0 while none runs
        std::chrono::system_clock::time_point started_at;
        int restarts = 0;
        int in_flight = 0;
        std::int64_t polls_lost = 0;
        std::int64_t resident_bytes = 0;  // as of measure_memory(); 0: not known
        std::string last_exit;
        std::chrono::system_clock::time_point last_exit_at;
    };
    [[nodiscard]] Figures figures() const;
    void measure_memory();
    // What the sandbox of the running prober lacks, once per prober.
    [[nodiscard]] std::vector<std::string> take_sandbox_missing();

  private:
    struct InFlight {
        bool begun;
        Time overdue;  // to end, or to begin, if it was heard all the time
        Clock::duration not_heard_before;
        std::chrono::milliseconds deadline;
        core::JobKind kind;
        bool password_withheld;
        std::optional<Time> may_return;       // unbegun, from then on: of one that was handed over ahead
        std::vector<core::SeriesRef> series;  // that its result may name
    };
    struct Ahead {
        std::uint64_t after = 0;
        std::uint64_t id = 0;
    };

    bool start(Time now);
    // For how long a prober that was given something, when so much had not been heard of it, gets longer.
    [[nodiscard]] Clock::duration patience(Clock::duration not_heard_before) const;
    [[nodiscard]] Time overdue_at(const InFlight& job) const { return job.overdue + patience(job.not_heard_before); }
    [[nodiscard]] Time greeting_overdue_at() const;
    void hand_over(const core::Job& job, Time now);
    // A poll or probe has ended. Begins the watch over the one that follows it, if there is one.
    std::optional<std::uint64_t> begin_next(Time now);
    // A line that is refused is the end of the prober, which its socket reports.
    void send(std::string_view line);
    void send_definitions();
    // Reads one line; throws core::WireError when it is not what an honest prober would say.
    void on_line(const std::string& line, Time now, std::vector<FinishedJob>& finished);
    // The prober is gone or must go: reason for the log and for vitals.probers, or empty to use how it ended.
    void end(const std::string& reason, Time now, std::vector<FinishedJob>& finished);

    std::string label_;
    std::function<ProberSettings()> settings_;
    SharedDefinitions definitions_;
    std::unique_ptr<ProberProcess> process_;
    std::unordered_map<std::uint64_t, InFlight> in_flight_;  // by job, with those that have not begun
    std::deque<Ahead> ahead_;                                // in the order in which they begin
    // Jobs of this prober, but for checks, and for those that go on once they have their password.
    std::uint64_t ended_ = 0;
    std::uint64_t generation_ = 0;
    bool withdrawing_ = false;  // until none is ahead
    bool greeted_ = false;
    bool draining_ = false;
    bool deaf_ = false;  // took no more, and was killed for it
    Time started_{};
    Clock::duration not_heard_{0};
    Clock::duration not_heard_before_start_{0};
    Time not_before_{};
    core::Backoff backoff_;
    Figures figures_;
    std::vector<std::string> sandbox_missing_;
};

}  // namespace vitals::ext
