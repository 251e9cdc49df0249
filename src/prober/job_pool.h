// Runs jobs in as many threads as they need, up to a limit, over one kept session per target. Connections belong to
// targets, not to threads: a few threads serve thousands of targets, and never two jobs of one target run at a time.
//
// Every submitted job is reported exactly once, by its deadline also if no thread was free for it; one that was handed
// over ahead as unbegun, if it does not begin in time or is withdrawn. A thread that a session never gives back is the
// collector's business: it ends the process.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/series_numbers.h"
#include "core/wire.h"
#include "prober/connector_set.h"
#include "prober/deadline.h"
#include "prober/report_sink.h"

namespace vitals::prober {

struct JobPoolSettings {
    // At most so many run jobs; one is started when a job finds none that is free. Another one may wait for the peer.
    int threads = 10;
    // A session that was not used for so long is closed.
    std::chrono::milliseconds idle_session = core::idle_session;
    // finished_fd() tells when fewer jobs than these are unfinished: whoever waits for less is not woken for each.
    std::size_t tell_below = 1;
};

class JobPool {
  public:
    // The pool's threads call the sink, several at a time.
    JobPool(const ConnectorSet& connectors, JobPoolSettings settings, ReportSink& reports);
    JobPool(const JobPool&) = delete;
    JobPool& operator=(const JobPool&) = delete;
    // Runs what was submitted and ends the threads.
    ~JobPool();

    // The job's deadline starts here; that of a job which was handed over ahead (core::Job::after) when it begins.
    void submit(core::Job job);
    // Takes back what was handed over ahead and has not begun: it is reported so.
    void withdraw();
    // Closes the session of a target, at the end of the job if one is running.
    void forget(const std::string& target);

    // Jobs that are not reported yet.
    [[nodiscard]] std::size_t unfinished() const;
    [[nodiscard]] std::size_t threads() const;
    // Kept sessions that no job is using.
    [[nodiscard]] std::size_t idle_sessions() const;
    // Becomes readable when a job was reported and so few are left (tell_below); reading it resets it.
    [[nodiscard]] int finished_fd() const noexcept { return finished_fd_; }

  private:
    using Clock = Deadline::Clock;

    struct Work {
        core::Job job;
        Deadline deadline;
        bool keep_session;
        Clock::time_point submitted;
        std::chrono::duration<double, std::milli> waited{0};  // ahead
    };
    struct Target {
        std::unique_ptr<Session> session;
        const Connector* connector = nullptr;  // the session's
        bool running = false;                  // a thread has the session
        bool forgotten = false;                // while it had it
        Clock::time_point last_used{};
    };

    void start_thread_if_needed();
    void end_threads();
    void work();
    void keep_house();
    // The oldest job whose target is free, or the end of the queue.
    std::list<Work>::iterator next_runnable();
    void run(Work work, std::unique_lock<std::mutex>& lock);
    core::Result execute(const Work& work, std::unique_ptr<Session>& session, const Connector*& connector) const;
    // Called with the lock, after its report. goes_on: it needs its password, and keeps its place until it has that.
    void finished_one(const core::Job& job, bool goes_on = false);
    void begin_what_follows();
    void count_down();
    // Whether as many jobs run as may.
    [[nodiscard]] bool all_run() const noexcept { return running_ >= static_cast<std::size_t>(settings_.threads); }
    // Called with the lock, of a job in the queue: whether another one of its target is to end first.
    [[nodiscard]] bool target_is_busy(const Work& work) const;
    void report_unbegun(const std::list<Work>& works);
    void report_expired(const std::list<Work>& works);
    void write_reports(std::unique_lock<std::mutex>& lock);
    // Called with the lock. Returns the session if nobody is to have it any more.
    [[nodiscard]] std::unique_ptr<Session> give_back(const Work& work, std::unique_ptr<Session> session,
                                                     const Connector* connector);

    std::list<Work> take_expired(Clock::time_point now);
    std::list<Work> take_waited_too_long(Clock::time_point now);
    std::vector<std::unique_ptr<Session>> take_idle(Clock::time_point now);
    [[nodiscard]] Clock::time_point next_housekeeping(Clock::time_point now) const;

    const ConnectorSet& connectors_;
    JobPoolSettings settings_;
    ReportSink& reports_;
    core::SeriesNumbers numbers_;
    int finished_fd_;

    mutable std::mutex mutex_;
    std::condition_variable work_there_;
    std::condition_variable house_changed_;
    std::list<Work> queue_;
    std::list<Work> ahead_;    // that begin when others have ended, in this order
    std::uint64_t ended_ = 0;  // but for checks, and what goes on
    std::unordered_map<std::string, Target> targets_;
    std::size_t unfinished_ = 0;
    std::size_t waiting_threads_ = 0;
    std::size_t running_ = 0;  // jobs
    std::size_t writing_ = 0;  // threads that wait for the peer to read
    // When the housekeeper looks again; while it is awake, nobody needs to wake it.
    Clock::time_point house_wakes_ = Clock::time_point::min();
    bool ending_ = false;

    std::thread housekeeper_;
    std::vector<std::thread> threads_;  // changed under the lock
};

}  // namespace vitals::prober
