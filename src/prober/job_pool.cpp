#include "prober/job_pool.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

namespace vitals::prober {

namespace {

core::Result failed(core::ErrorClass error_class, std::string message) {
    core::Result result;
    result.outcome = core::Outcome::failed;
    result.failure = core::Failure{error_class, 0, std::move(message)};
    return result;
}

core::Result run_job(Session& session, const core::Job& job, const Deadline& deadline) {
    switch (job.kind) {
        case core::JobKind::check:
            return session.check(job, deadline);
        case core::JobKind::probe:
            return session.probe(job, deadline);
        case core::JobKind::poll:
            break;
    }
    return session.poll(job, deadline);
}

// An eventfd and not a condition variable: the reader waits for it together with its sockets.
int make_event() {
    const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "cannot create an eventfd");
    return fd;
}

}  // namespace

JobPool::JobPool(const ConnectorSet& connectors, JobPoolSettings settings, Report report)
    : connectors_(connectors), settings_(settings), report_(std::move(report)), finished_fd_(make_event()) {
    try {
        housekeeper_ = std::thread(&JobPool::keep_house, this);
    } catch (...) {
        close(finished_fd_);
        throw;
    }
}

JobPool::~JobPool() {
    end_threads();
    close(finished_fd_);
}

// Called with the lock. A tenant with a few targets has a few threads, however many another one needs.
void JobPool::start_thread_if_needed() {
    if (queue_.size() <= waiting_threads_ || threads_.size() >= static_cast<std::size_t>(settings_.threads)) return;
    try {
        threads_.emplace_back(&JobPool::work, this);
    } catch (const std::system_error&) {
        // The job waits for one that is there.
        if (threads_.empty()) throw;
    }
}

void JobPool::end_threads() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    work_there_.notify_all();
    house_changed_.notify_all();
    housekeeper_.join();
    for (std::thread& thread : threads_)
        thread.join();
    threads_.clear();
}

void JobPool::submit(core::Job job) {
    const Deadline deadline = Deadline::after(job.deadline);
    const std::lock_guard lock(mutex_);
    const bool keep = !job.target.empty();
    queue_.push_back({std::move(job), deadline, keep});
    ++unfinished_;
    start_thread_if_needed();
    work_there_.notify_one();
    if (deadline.at() < house_wakes_) house_changed_.notify_one();
}

void JobPool::forget(const std::string& target) {
    std::unique_ptr<Session> session;
    const std::lock_guard lock(mutex_);
    for (Work& work : queue_) {
        if (work.job.target == target) work.keep_session = false;
    }
    const auto found = targets_.find(target);
    if (found == targets_.end()) return;
    if (found->second.running) {
        found->second.forgotten = true;
    } else {
        session = std::move(found->second.session);
        targets_.erase(found);
    }
}

std::size_t JobPool::unfinished() const {
    const std::lock_guard lock(mutex_);
    return unfinished_;
}

std::size_t JobPool::threads() const {
    const std::lock_guard lock(mutex_);
    return threads_.size();
}

std::size_t JobPool::idle_sessions() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(targets_.begin(), targets_.end(), [](const auto& entry) { return !entry.second.running; }));
}

std::list<JobPool::Work>::iterator JobPool::next_runnable() {
    return std::find_if(queue_.begin(), queue_.end(), [this](const Work& work) {
        const auto target = targets_.find(work.job.target);
        return target == targets_.end() || !target->second.running;
    });
}

void JobPool::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        const auto next = next_runnable();
        if (next != queue_.end()) {
            Work work = std::move(*next);
            queue_.erase(next);
            run(std::move(work), lock);
        } else if (ending_ && queue_.empty()) {
            work_there_.notify_all();
            house_changed_.notify_all();
            return;
        } else {
            // A job that waits for its target is run by the thread that has the target now.
            ++waiting_threads_;
            work_there_.wait(lock);
            --waiting_threads_;
        }
    }
}

// Called with the lock, returns with it, runs the job without it.
void JobPool::run(Work work, std::unique_lock<std::mutex>& lock) {
    std::unique_ptr<Session> session;
    const Connector* connector = nullptr;
    const bool has_target = !work.job.target.empty();
    if (has_target) {
        Target& target = targets_[work.job.target];
        target.running = true;
        session = std::move(target.session);
        connector = target.connector;
    }
    lock.unlock();
    const core::Result result = execute(work, session, connector);
    lock.lock();
    if (has_target) {
        const auto target = targets_.find(work.job.target);
        const bool keep = session != nullptr && work.keep_session && !target->second.forgotten;
        if (keep) {
            target->second = {std::move(session), connector, false, false, Clock::now()};
        } else {
            targets_.erase(target);
        }
    }
    lock.unlock();
    session.reset();
    report(result);
    lock.lock();
}

core::Result JobPool::execute(const Work& work, std::unique_ptr<Session>& session, const Connector*& connector) const {
    core::Result result;
    const auto started = Clock::now();
    const Connector* wanted = connectors_.find(work.job.connector);
    if (wanted == nullptr) {
        result = failed(core::ErrorClass::configuration, "connector is unknown or not allowed: " + work.job.connector);
    } else if (work.deadline.passed()) {
        result = failed(core::ErrorClass::timeout, "the deadline passed before a thread was free for the poll");
    } else {
        try {
            if (session == nullptr || connector != wanted) session = wanted->open_session();
            connector = wanted;
            result = run_job(*session, work.job, work.deadline);
        } catch (const std::bad_alloc&) {
            // What the process does when it is out of memory, also where no operator new was asked.
            if (const auto handler = std::get_new_handler()) handler();
            throw;
        } catch (const std::exception& error) {
            session.reset();
            result = failed(core::ErrorClass::internal, std::string("the connector failed: ") + error.what());
        }
    }
    result.job = work.job.id;
    result.duration_ms = std::chrono::duration<double, std::milli>(Clock::now() - started).count();
    numbers_.number(result, work.job);
    return result;
}

void JobPool::report(const core::Result& result) {
    report_(result);
    {
        const std::lock_guard lock(mutex_);
        --unfinished_;
    }
    const std::uint64_t one = 1;
    // It fails only when the counter is full, and then the fd is readable anyway.
    [[maybe_unused]] const ssize_t written = write(finished_fd_, &one, sizeof(one));
}

void JobPool::keep_house() {
    std::unique_lock lock(mutex_);
    while (!ending_ || !queue_.empty()) {
        const auto now = Clock::now();
        const std::list<Work> expired = take_expired(now);
        std::vector<std::unique_ptr<Session>> idle = take_idle(now);
        if (expired.empty() && idle.empty()) {
            house_wakes_ = next_housekeeping(now);
            house_changed_.wait_until(lock, house_wakes_);
            house_wakes_ = Clock::time_point::min();
            continue;
        }
        lock.unlock();
        idle.clear();
        for (const Work& work : expired) {
            core::Result result =
                failed(core::ErrorClass::timeout, "the deadline passed before a thread was free for the poll");
            result.job = work.job.id;
            report(result);
        }
        lock.lock();
    }
    // For threads that wait behind jobs that have expired.
    work_there_.notify_all();
}

std::list<JobPool::Work> JobPool::take_expired(Clock::time_point now) {
    std::list<Work> expired;
    for (auto work = queue_.begin(); work != queue_.end();) {
        const auto next = std::next(work);
        if (work->deadline.at() <= now) expired.splice(expired.end(), queue_, work);
        work = next;
    }
    return expired;
}

std::vector<std::unique_ptr<Session>> JobPool::take_idle(Clock::time_point now) {
    std::vector<std::unique_ptr<Session>> idle;
    for (auto target = targets_.begin(); target != targets_.end();) {
        const bool drop = !target->second.running && now - target->second.last_used >= settings_.idle_session;
        if (drop) idle.push_back(std::move(target->second.session));
        target = drop ? targets_.erase(target) : std::next(target);
    }
    return idle;
}

JobPool::Clock::time_point JobPool::next_housekeeping(Clock::time_point now) const {
    // Idle sessions may be closed a little late; jobs are answered in time.
    auto next = now + settings_.idle_session / 10;
    for (const Work& work : queue_)
        next = std::min(next, work.deadline.at());
    return next;
}

}  // namespace vitals::prober
