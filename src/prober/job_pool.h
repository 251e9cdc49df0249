// Runs jobs in as many threads as they need, up to a limit, over one kept session per target. Connections belong to
// targets, not to threads: a few threads serve thousands of targets, and never two jobs of one target run at a time.
//
// Every submitted job is reported exactly once, by its deadline also if no thread was free for it. A thread that a
// session never gives back is the collector's business: it ends the process.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
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

namespace vitals::prober {

struct JobPoolSettings {
    int threads = 10;  // at most; one is started when a job finds none that is free
    // A session that was not used for so long is closed: its target was removed, or is polled so rarely that keeping a
    // connection open is a waste on both sides.
    std::chrono::milliseconds idle_session = std::chrono::minutes(10);
};

class JobPool {
  public:
    // Called by the pool's threads, several at a time.
    using Report = std::function<void(const core::Result&)>;

    JobPool(const ConnectorSet& connectors, JobPoolSettings settings, Report report);
    JobPool(const JobPool&) = delete;
    JobPool& operator=(const JobPool&) = delete;
    // Runs what was submitted and ends the threads.
    ~JobPool();

    // The job's deadline starts here.
    void submit(core::Job job);
    // Closes the session of a target, at the end of the job if one is running.
    void forget(const std::string& target);

    // Jobs that are not reported yet.
    [[nodiscard]] std::size_t unfinished() const;
    [[nodiscard]] std::size_t threads() const;
    // Kept sessions that no job is using.
    [[nodiscard]] std::size_t idle_sessions() const;
    // Becomes readable when a job was reported; reading it resets it.
    [[nodiscard]] int finished_fd() const noexcept { return finished_fd_; }

  private:
    using Clock = Deadline::Clock;

    struct Work {
        core::Job job;
        Deadline deadline;
        bool keep_session;
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
    void report(const core::Result& result);

    std::list<Work> take_expired(Clock::time_point now);
    std::vector<std::unique_ptr<Session>> take_idle(Clock::time_point now);
    [[nodiscard]] Clock::time_point next_housekeeping(Clock::time_point now) const;

    const ConnectorSet& connectors_;
    JobPoolSettings settings_;
    Report report_;
    core::SeriesNumbers numbers_;
    int finished_fd_;

    mutable std::mutex mutex_;
    std::condition_variable work_there_;
    std::condition_variable house_changed_;
    std::list<Work> queue_;
    std::unordered_map<std::string, Target> targets_;
    std::size_t unfinished_ = 0;
    std::size_t waiting_threads_ = 0;
    // When the housekeeper looks again; while it is awake, nobody needs to wake it.
    Clock::time_point house_wakes_ = Clock::time_point::min();
    bool ending_ = false;

    std::thread housekeeper_;
    std::vector<std::thread> threads_;  // changed under the lock
};

}  // namespace vitals::prober
