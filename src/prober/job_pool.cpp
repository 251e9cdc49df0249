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

JobPool::JobPool(const ConnectorSet& connectors, JobPoolSettings settings, ReportSink& reports)
    : connectors_(connectors), settings_(settings), reports_(reports), finished_fd_(make_event()) {
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
    const std::size_t most = static_cast<std::size_t>(settings_.threads) + writing_;
    if (queue_.size() <= waiting_threads_ || threads_.size() >= most) return;
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
        begin_what_follows();
        if (!queue_.empty()) start_thread_if_needed();
    }
    work_there_.notify_all();
    house_changed_.notify_all();
    housekeeper_.join();
    for (std::thread& thread : threads_)
        thread.join();
    threads_.clear();
}

void JobPool::submit(core::Job job) {
    const auto now = Clock::now();
    bool watch = false;
    {
        const std::lock_guard lock(mutex_);
        const bool ahead = job.after > ended_;
        const Deadline deadline(now + (ahead ? core::most_ahead : job.deadline));
        const bool keep = !job.target.empty();
        ++unfinished_;
        auto& list = ahead ? ahead_ : queue_;
        list.push_back({std::move(job), deadline, keep, now});
        if (!ahead) start_thread_if_needed();
        // What a free thread takes now needs nobody to watch its deadline.
        const bool stays = ahead || all_run() || queue_.size() > waiting_threads_ || target_is_busy(queue_.back());
        watch = stays && deadline.at() < house_wakes_;
        if (ahead && !watch) return;
    }
    // Not under the lock, which whoever wakes up needs at once.
    work_there_.notify_one();
    if (watch) house_changed_.notify_one();
}

bool JobPool::target_is_busy(const Work& work) const {
    if (work.job.target.empty()) return false;
    const auto target = targets_.find(work.job.target);
    if (target != targets_.end() && target->second.running) return true;
    return std::ranges::count_if(queue_, [&](const Work& each) { return each.job.target == work.job.target; }) > 1;
}

void JobPool::withdraw() {
    std::list<Work> withdrawn;
    {
        const std::lock_guard lock(mutex_);
        withdrawn.swap(ahead_);
    }
    report_unbegun(withdrawn);
}

// They have taken nobody's place, and nobody follows them.
void JobPool::report_unbegun(const std::list<Work>& works) {
    if (works.empty()) return;
    for (const Work& work : works) {
        core::Result result = failed(core::ErrorClass::internal, "the poll did not begin");
        result.job = work.job.id;
        result.unbegun = true;
        reports_.add(result);
    }
    reports_.write();
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < works.size(); ++i)
        count_down();
}

void JobPool::forget(const std::string& target) {
    std::unique_ptr<Session> session;
    const std::lock_guard lock(mutex_);
    for (auto* works : {&queue_, &ahead_}) {
        for (Work& work : *works) {
            if (work.job.target == target) work.keep_session = false;
        }
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
    if (all_run()) return queue_.end();
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
    ++running_;
    if (has_target) {
        Target& target = targets_[work.job.target];
        target.running = true;
        session = std::move(target.session);
        connector = target.connector;
    }
    lock.unlock();
    const core::Result result = execute(work, session, connector);
    if (has_target) {
        lock.lock();
        session = give_back(work, std::move(session), connector);
        const bool others = !queue_.empty();
        lock.unlock();
        // This thread may have to wait before its report is taken: one that is free runs what waited for the target.
        if (others) work_there_.notify_one();
    }
    session.reset();
    reports_.add(result);
    lock.lock();
    --running_;
    finished_one(work.job, result.needs_password);
    write_reports(lock);
}

// Called with the lock, returns with it. If this thread has to wait for the peer, another one runs what follows its
// job.
void JobPool::write_reports(std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    const bool written = reports_.try_write();
    lock.lock();
    if (written) return;
    ++writing_;
    if (!queue_.empty()) start_thread_if_needed();
    lock.unlock();
    work_there_.notify_one();
    reports_.write();
    lock.lock();
    --writing_;
}

std::unique_ptr<Session> JobPool::give_back(const Work& work, std::unique_ptr<Session> session,
                                            const Connector* connector) {
    const auto target = targets_.find(work.job.target);
    if (session == nullptr || !work.keep_session || target->second.forgotten) {
        targets_.erase(target);
        return session;
    }
    target->second = {std::move(session), connector, false, false, Clock::now()};
    return nullptr;
}

void JobPool::begin_what_follows() {
    bool others = false;
    while (!ahead_.empty() && (ahead_.front().job.after <= ended_ || ending_)) {
        Work& next = ahead_.front();
        const auto now = Clock::now();
        next.waited = now - next.submitted;
        next.deadline = Deadline(now + next.job.deadline);
        queue_.splice(queue_.end(), ahead_, ahead_.begin());
        // The thread that has ended a job takes one, the oldest that can be run.
        others = others || queue_.size() > 1 || target_is_busy(next);
        if (others && next.deadline.at() < house_wakes_) house_changed_.notify_one();
    }
    if (!others) return;
    start_thread_if_needed();
    work_there_.notify_one();
}

void JobPool::finished_one(const core::Job& job, bool goes_on) {
    if (job.kind != core::JobKind::check && !goes_on) {
        ++ended_;
        begin_what_follows();
    }
    count_down();
}

void JobPool::count_down() {
    if (--unfinished_ >= settings_.tell_below) return;
    const std::uint64_t one = 1;
    // It fails only when the counter is full, and then the fd is readable anyway.
    [[maybe_unused]] const ssize_t written = write(finished_fd_, &one, sizeof(one));
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
    result.waited_ms = work.waited.count();
    result.duration_ms = std::chrono::duration<double, std::milli>(Clock::now() - started).count();
    numbers_.number(result, work.job);
    return result;
}

void JobPool::keep_house() {
    std::unique_lock lock(mutex_);
    while (!ending_ || !queue_.empty()) {
        const auto now = Clock::now();
        const std::list<Work> expired = take_expired(now);
        const std::list<Work> unbegun = take_waited_too_long(now);
        std::vector<std::unique_ptr<Session>> idle = take_idle(now);
        if (expired.empty() && unbegun.empty() && idle.empty()) {
            house_wakes_ = next_housekeeping(now);
            house_changed_.wait_until(lock, house_wakes_);
            house_wakes_ = Clock::time_point::min();
            continue;
        }
        lock.unlock();
        idle.clear();
        report_unbegun(unbegun);
        report_expired(expired);
        lock.lock();
    }
    // For threads that wait behind jobs that have expired.
    work_there_.notify_all();
}

void JobPool::report_expired(const std::list<Work>& works) {
    if (works.empty()) return;
    for (const Work& work : works) {
        core::Result result =
            failed(core::ErrorClass::timeout, "the deadline passed before a thread was free for the poll");
        result.job = work.job.id;
        result.waited_ms = work.waited.count();
        reports_.add(result);
    }
    {
        const std::lock_guard lock(mutex_);
        for (const Work& work : works)
            finished_one(work.job);
        if (!queue_.empty()) work_there_.notify_all();
    }
    reports_.write();
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

std::list<JobPool::Work> JobPool::take_waited_too_long(Clock::time_point now) {
    std::list<Work> late;
    while (!ahead_.empty() && ahead_.front().deadline.at() <= now)
        late.splice(late.end(), ahead_, ahead_.begin());
    return late;
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
    if (!ahead_.empty()) next = std::min(next, ahead_.front().deadline.at());
    return next;
}

}  // namespace vitals::prober
