// The pool with connectors that do what a test wants, and no network.
#include "prober/job_pool.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace vitals::prober {
namespace {

using namespace std::chrono_literals;

// What all sessions of a test share: how they behave and what became of them.
struct Script {
    std::mutex mutex;
    std::condition_variable changed;
    bool hold = false;  // jobs wait until it is false
    int running = 0;
    int most_running = 0;
    std::map<std::string, int> running_of_target;
    bool overlapped = false;  // two jobs of one target at a time
    int opened = 0;
    int closed = 0;
    std::vector<std::uint64_t> order;

    void release() {
        const std::lock_guard lock(mutex);
        hold = false;
        changed.notify_all();
    }
    template <typename Condition>
    bool wait_for(Condition condition, std::chrono::milliseconds limit = 10s) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, limit, condition);
    }
};

class ScriptedSession : public Session {
  public:
    explicit ScriptedSession(Script& script) : script_(script) {
        const std::lock_guard lock(script_.mutex);
        ++script_.opened;
    }
    ~ScriptedSession() override {
        const std::lock_guard lock(script_.mutex);
        ++script_.closed;
        script_.changed.notify_all();
    }

    core::Result poll(const core::Job& job, const Deadline& /*deadline*/) override {
        std::unique_lock lock(script_.mutex);
        script_.order.push_back(job.id);
        script_.most_running = std::max(script_.most_running, ++script_.running);
        if (++script_.running_of_target[job.target] > 1 && !job.target.empty()) script_.overlapped = true;
        script_.changed.notify_all();
        script_.changed.wait(lock, [this] { return !script_.hold; });
        --script_.running_of_target[job.target];
        --script_.running;
        if (job.host == "throw") throw std::logic_error("a defect");
        core::Result result;
        result.needs_password = job.password_withheld;
        result.outcome = core::Outcome::ok;
        result.values.push_back({"polls", "", static_cast<double>(++polls_)});
        return result;
    }
    core::Result check(const core::Job& /*job*/, const Deadline& /*deadline*/) override {
        core::Result result;
        result.outcome = core::Outcome::ok;
        result.checks.push_back({"step", true, "", ""});
        return result;
    }

  private:
    Script& script_;
    int polls_ = 0;
};

class ScriptedConnector : public Connector {
  public:
    ScriptedConnector(std::string name, Script& script) : name_(std::move(name)), script_(script) {}
    [[nodiscard]] std::string_view name() const noexcept override { return name_; }
    [[nodiscard]] std::unique_ptr<Session> open_session() const override {
        return std::make_unique<ScriptedSession>(script_);
    }

  private:
    std::string name_;
    Script& script_;
};

class JobPoolTest : public testing::Test, public ReportSink {
  protected:
    JobPoolTest() {
        connectors.add(std::make_unique<ScriptedConnector>("one", script));
        connectors.add(std::make_unique<ScriptedConnector>("two", script));
    }

    std::unique_ptr<JobPool> make_pool(int threads, std::chrono::milliseconds idle = 10min) {
        return std::make_unique<JobPool>(connectors, JobPoolSettings{threads, idle}, *this);
    }

    // One whose first job, of target "a", runs until the script is released.
    std::unique_ptr<JobPool> make_busy_pool(int threads) {
        script.hold = true;
        auto pool = make_pool(threads);
        pool->submit(job_of(1, "a"));
        EXPECT_TRUE(wait_running(1));
        return pool;
    }

    // Of a peer that takes nothing until it is unblocked: writing waits then, or adding does, since too much waits to
    // be written.
    enum class Peer { takes_all, blocks_writing, blocks_adding };
    void set_peer(Peer state) {
        const std::lock_guard lock(script.mutex);
        peer = state;
        script.changed.notify_all();
    }

    static core::Job job_of(std::uint64_t id, const std::string& target, std::chrono::milliseconds deadline = 60s) {
        core::Job job;
        job.id = id;
        job.connector = "one";
        job.target = target;
        job.deadline = deadline;
        job.interval = 60s;
        return job;
    }

    static core::Job ahead_of(std::uint64_t id, const std::string& target, std::uint64_t after,
                              std::chrono::milliseconds deadline = 60s) {
        core::Job job = job_of(id, target, deadline);
        job.after = after;
        return job;
    }

    bool wait_reported(int count) {
        return script.wait_for([&] { return reported >= count; });
    }
    bool wait_running(int count) {
        return script.wait_for([&] { return script.running == count; });
    }
    // How many polls the session that ran the job had seen.
    double polls_of(std::uint64_t id) { return results.at(id).values.at(0).value.value_or(-1); }
    core::ErrorClass class_of(std::uint64_t id) { return results.at(id).failure.value_or(core::Failure{}).error_class; }

    Script script;
    ConnectorSet connectors;
    std::map<std::uint64_t, core::Result> results;
    int reported = 0;

  private:
    void add(const core::Result& result) override {
        std::unique_lock lock(script.mutex);
        script.changed.wait(lock, [this] { return peer != Peer::blocks_adding; });
        results[result.job] = result;
        ++reported;
        script.changed.notify_all();
    }
    bool try_write() override {
        const std::lock_guard lock(script.mutex);
        return peer == Peer::takes_all;
    }
    void write() override {
        std::unique_lock lock(script.mutex);
        script.changed.wait(lock, [this] { return peer == Peer::takes_all; });
    }

    Peer peer = Peer::takes_all;
};

TEST_F(JobPoolTest, StartsThreadsAsTheyAreNeeded) {
    const auto pool = make_pool(5);
    EXPECT_EQ(pool->threads(), 0U);
    for (const std::uint64_t id : {1U, 2U, 3U}) {
        pool->submit(job_of(id, ""));
        ASSERT_TRUE(wait_reported(static_cast<int>(id)));
    }
    EXPECT_LE(pool->threads(), 3U);
    script.hold = true;
    for (std::uint64_t id = 4; id < 24; ++id)
        pool->submit(job_of(id, ""));
    ASSERT_TRUE(wait_running(5));
    EXPECT_EQ(pool->threads(), 5U) << "and no more than may be";
    script.release();
    ASSERT_TRUE(wait_reported(23));
}

TEST_F(JobPoolTest, LeavesOutNamesThatTheJobSaysAreKnown) {
    const auto pool = make_pool(1);
    pool->submit(job_of(1, "a"));
    ASSERT_TRUE(wait_reported(1));
    ASSERT_TRUE(results.at(1).series);
    EXPECT_FALSE(results.at(1).without_names);
    core::Job again = job_of(2, "a");
    again.series = {*results.at(1).series};
    pool->submit(std::move(again));
    ASSERT_TRUE(wait_reported(2));
    EXPECT_TRUE(results.at(2).without_names);
    EXPECT_EQ(results.at(2).numbers, std::vector<double>{2});
    core::Job with_another_list = job_of(3, "a");
    with_another_list.series = {{results.at(1).series->number + 1, 1}};
    pool->submit(std::move(with_another_list));
    ASSERT_TRUE(wait_reported(3));
    EXPECT_FALSE(results.at(3).without_names);
}

TEST_F(JobPoolTest, KeepsOneSessionPerTarget) {
    const auto pool = make_pool(3);
    for (const std::uint64_t id : {1U, 2U, 3U})
        pool->submit(job_of(id, "a"));
    pool->submit(job_of(4, "b"));
    ASSERT_TRUE(wait_reported(4));
    EXPECT_EQ(polls_of(1), 1);
    EXPECT_EQ(polls_of(2), 2);
    EXPECT_EQ(polls_of(3), 3);
    EXPECT_EQ(polls_of(4), 1);
    EXPECT_EQ(script.opened, 2);
    EXPECT_EQ(pool->idle_sessions(), 2U);
}

TEST_F(JobPoolTest, KeepsNoSessionOfAJobWithoutTarget) {
    const auto pool = make_pool(1);
    pool->submit(job_of(1, ""));
    pool->submit(job_of(2, ""));
    ASSERT_TRUE(wait_reported(2));
    EXPECT_EQ(polls_of(2), 1);
    EXPECT_EQ(script.closed, 2);
}

TEST_F(JobPoolTest, NeverRunsTwoJobsOfOneTargetAtATime) {
    script.hold = true;
    const auto pool = make_pool(4);
    pool->submit(job_of(1, "a"));
    pool->submit(job_of(2, "a"));
    pool->submit(job_of(3, "b"));
    ASSERT_TRUE(wait_running(2));
    script.release();
    ASSERT_TRUE(wait_reported(3));
    EXPECT_FALSE(script.overlapped);
    EXPECT_EQ(script.most_running, 2);
}

TEST_F(JobPoolTest, StaysOrderlyUnderLoad) {
    constexpr int jobs = 2000;
    const auto pool = make_pool(8);
    for (int id = 0; id < jobs; ++id)
        pool->submit(job_of(static_cast<std::uint64_t>(id), std::to_string(id % 7)));
    ASSERT_TRUE(wait_reported(jobs));
    EXPECT_FALSE(script.overlapped);
    EXPECT_EQ(results.size(), static_cast<std::size_t>(jobs));
    EXPECT_EQ(script.opened, 7);
}

TEST_F(JobPoolTest, RunsJobsInTheOrderOfTheirArrival) {
    script.hold = true;
    const auto pool = make_pool(1);
    for (const std::uint64_t id : {1U, 2U, 3U, 4U})
        pool->submit(job_of(id, std::to_string(id)));
    ASSERT_TRUE(wait_running(1));
    script.release();
    ASSERT_TRUE(wait_reported(4));
    EXPECT_EQ(script.order, (std::vector<std::uint64_t>{1, 2, 3, 4}));
}

TEST_F(JobPoolTest, ReportsAJobThatNoThreadWasFreeForByItsDeadline) {
    const auto pool = make_busy_pool(1);
    pool->submit(job_of(2, "b", 50ms));
    pool->submit(job_of(3, "a", 50ms));
    ASSERT_TRUE(wait_reported(2));
    EXPECT_EQ(class_of(2), core::ErrorClass::timeout);
    EXPECT_EQ(class_of(3), core::ErrorClass::timeout);
    script.release();
    ASSERT_TRUE(wait_reported(3));
    EXPECT_EQ(script.order, std::vector<std::uint64_t>{1});
}

// The collector hands them over ahead, and does not look until later.
TEST_F(JobPoolTest, BeginsAJobThatWasHandedOverAheadWhenAnotherHasEnded) {
    const auto pool = make_busy_pool(5);
    for (const std::uint64_t id : {2U, 3U}) {
        pool->submit(ahead_of(id, std::to_string(id), id - 1, 50ms));
    }
    pool->submit(job_of(4, "d", 50ms));
    ASSERT_TRUE(wait_running(2)) << "what is not ahead does not wait for it";
    EXPECT_EQ(pool->unfinished(), 4U);
    script.release();
    ASSERT_TRUE(wait_reported(4));
    EXPECT_EQ(script.most_running, 2);
    for (const std::uint64_t id : {2U, 3U}) {
        EXPECT_EQ(results.at(id).outcome, core::Outcome::ok) << "its deadline begins when it does";
        EXPECT_GT(results.at(id).waited_ms, 0);
    }
    EXPECT_EQ(results.at(1).waited_ms, 0);
    pool->submit(ahead_of(5, "e", 4));
    EXPECT_TRUE(wait_reported(5)) << "those before have ended already";
}

TEST_F(JobPoolTest, ReportsAJobWhoseTargetIsBusyByItsDeadlineAlsoWhileThreadsAreFree) {
    const auto pool = make_busy_pool(3);
    pool->submit(job_of(2, "b"));
    ASSERT_TRUE(wait_running(2));
    script.release();
    ASSERT_TRUE(wait_reported(2)) << "two threads are free";
    script.hold = true;
    pool->submit(job_of(3, "a"));
    ASSERT_TRUE(wait_running(1));
    pool->submit(job_of(4, "a", 50ms));
    ASSERT_TRUE(script.wait_for([&] { return reported >= 3; }, 2s));
    EXPECT_EQ(class_of(4), core::ErrorClass::timeout);
    script.release();
    ASSERT_TRUE(wait_reported(4));
}

// What the thread takes whose job has ended is not always what follows it.
TEST_F(JobPoolTest, BeginsWhatFollowsWhileTheThreadTakesAnother) {
    const auto pool = make_busy_pool(2);
    pool->submit(job_of(2, "a"));
    pool->submit(ahead_of(3, "b", 1));
    script.release();
    ASSERT_TRUE(wait_reported(3));
    EXPECT_EQ(results.at(3).outcome, core::Outcome::ok);
}

TEST_F(JobPoolTest, TakesBackWhatHasNotBegun) {
    const auto pool = make_busy_pool(2);
    for (const std::uint64_t id : {2U, 3U}) {
        pool->submit(ahead_of(id, std::to_string(id), id - 1));
    }
    pool->withdraw();
    ASSERT_TRUE(wait_reported(2));
    EXPECT_TRUE(results.at(2).unbegun);
    EXPECT_TRUE(results.at(3).unbegun);
    pool->submit(ahead_of(4, "d", 1));
    script.release();
    ASSERT_TRUE(wait_reported(4));
    EXPECT_FALSE(results.at(4).unbegun) << "what was taken back was not counted";
}

TEST_F(JobPoolTest, TakesBackWhatWaitsForTooLong) {
    const auto pool = make_busy_pool(2);
    pool->submit(ahead_of(2, "b", 1));
    ASSERT_TRUE(script.wait_for([&] { return reported >= 1; }, core::most_ahead + 2s));
    EXPECT_TRUE(results.at(2).unbegun);
    script.release();
    ASSERT_TRUE(wait_reported(2));
}

// It is not a poll, and had no place.
TEST_F(JobPoolTest, BeginsNothingWhenACheckEnds) {
    const auto pool = make_busy_pool(3);
    pool->submit(ahead_of(2, "b", 1));
    auto check = job_of(3, "");
    check.kind = core::JobKind::check;
    pool->submit(std::move(check));
    ASSERT_TRUE(wait_reported(1));
    EXPECT_EQ(script.running, 1);
    script.release();
    ASSERT_TRUE(wait_reported(3));
    EXPECT_EQ(script.most_running, 1);
}

// It comes again with it, and takes its place.
TEST_F(JobPoolTest, BeginsNothingWhenAJobNeedsItsPassword) {
    const auto pool = make_busy_pool(3);
    auto withheld = job_of(2, "b");
    withheld.password_withheld = true;
    pool->submit(std::move(withheld));
    ASSERT_TRUE(wait_running(2));
    pool->submit(ahead_of(3, "c", 2));
    script.release();
    ASSERT_TRUE(wait_reported(2));
    EXPECT_TRUE(results.at(2).needs_password);
    EXPECT_FALSE(script.wait_for([&] { return reported > 2; }, 200ms)) << "one has ended, and not two";
    pool->submit(job_of(4, "b"));
    ASSERT_TRUE(wait_reported(4));
    EXPECT_FALSE(results.at(3).unbegun);
}

TEST_F(JobPoolTest, BeginsWhatFollowsAlsoWhileThePeerReadsNothing) {
    set_peer(Peer::blocks_writing);
    const auto pool = make_pool(1);
    pool->submit(ahead_of(2, "b", 1));
    pool->submit(job_of(1, "a"));
    EXPECT_TRUE(wait_reported(2));
    EXPECT_EQ(script.most_running, 1);
    set_peer(Peer::takes_all);
}

TEST_F(JobPoolTest, RunsTheNextJobOfATargetAlsoWhileTheReportOfTheLastOneWaits) {
    const auto pool = make_busy_pool(2);
    pool->submit(job_of(2, "a"));
    set_peer(Peer::blocks_adding);
    script.release();
    EXPECT_TRUE(script.wait_for([&] { return script.order.size() == 2; }));
    set_peer(Peer::takes_all);
    EXPECT_TRUE(wait_reported(2));
}

TEST_F(JobPoolTest, ForgetsTheTargetOfAJobThatWasHandedOverAhead) {
    const auto pool = make_busy_pool(1);
    pool->submit(ahead_of(2, "b", 1));
    pool->forget("b");
    script.release();
    ASSERT_TRUE(wait_reported(2));
    EXPECT_EQ(pool->idle_sessions(), 1U);
}

TEST_F(JobPoolTest, ForgetsAnIdleTarget) {
    const auto pool = make_pool(1);
    pool->submit(job_of(1, "a"));
    ASSERT_TRUE(wait_reported(1));
    pool->forget("a");
    pool->forget("never heard of");
    EXPECT_EQ(script.closed, 1);
    EXPECT_EQ(pool->idle_sessions(), 0U);
    pool->submit(job_of(2, "a"));
    ASSERT_TRUE(wait_reported(2));
    EXPECT_EQ(polls_of(2), 1);
}

TEST_F(JobPoolTest, ForgetsABusyTargetWhenItsJobsEnd) {
    const auto pool = make_busy_pool(1);
    pool->submit(job_of(2, "a"));
    pool->forget("a");
    script.release();
    ASSERT_TRUE(wait_reported(2));
    EXPECT_EQ(polls_of(2), 1);
    EXPECT_EQ(script.closed, 2);
    EXPECT_EQ(pool->idle_sessions(), 0U);
}

TEST_F(JobPoolTest, ClosesSessionsThatAreNotUsed) {
    const auto pool = make_pool(1, 50ms);
    pool->submit(job_of(1, "a"));
    ASSERT_TRUE(script.wait_for([&] { return script.closed == 1; }));
    EXPECT_EQ(pool->idle_sessions(), 0U);
}

TEST_F(JobPoolTest, OpensAnotherSessionForAnotherConnector) {
    const auto pool = make_pool(1);
    pool->submit(job_of(1, "a"));
    core::Job other = job_of(2, "a");
    other.connector = "two";
    pool->submit(std::move(other));
    ASSERT_TRUE(wait_reported(2));
    EXPECT_EQ(polls_of(2), 1);
    EXPECT_EQ(script.closed, 1);
}

TEST_F(JobPoolTest, ReportsADefectOfAConnectorAndDropsTheSession) {
    const auto pool = make_pool(1);
    core::Job bad = job_of(1, "a");
    bad.host = "throw";
    pool->submit(std::move(bad));
    pool->submit(job_of(2, "a"));
    ASSERT_TRUE(wait_reported(2));
    EXPECT_EQ(class_of(1), core::ErrorClass::internal);
    EXPECT_EQ(results.at(1).failure->message, "the connector failed: a defect");
    EXPECT_EQ(polls_of(2), 1);
}

TEST_F(JobPoolTest, RefusesAnUnknownConnector) {
    const auto pool = make_pool(1);
    core::Job job = job_of(1, "a");
    job.connector = "three";
    pool->submit(std::move(job));
    ASSERT_TRUE(wait_reported(1));
    EXPECT_EQ(class_of(1), core::ErrorClass::configuration);
}

TEST_F(JobPoolTest, RunsChecks) {
    const auto pool = make_pool(1);
    core::Job job = job_of(1, "a");
    job.kind = core::JobKind::check;
    pool->submit(std::move(job));
    ASSERT_TRUE(wait_reported(1));
    EXPECT_EQ(results.at(1).checks.size(), 1U);
    EXPECT_TRUE(results.at(1).values.empty());
}

TEST_F(JobPoolTest, TellsWhenAJobIsReported) {
    const auto pool = make_pool(1);
    pollfd entry{pool->finished_fd(), POLLIN, 0};
    EXPECT_EQ(poll(&entry, 1, 0), 0);
    pool->submit(job_of(1, "a"));
    EXPECT_EQ(poll(&entry, 1, 10'000), 1);
    EXPECT_EQ(pool->unfinished(), 0U);
}

TEST_F(JobPoolTest, EndsAfterWhatWasSubmitted) {
    auto pool = make_pool(2);
    for (std::uint64_t id = 0; id < 20; ++id)
        pool->submit(job_of(id, "a"));
    pool->submit(ahead_of(20, "a", 1000));
    pool.reset();
    EXPECT_EQ(reported, 21);
    EXPECT_EQ(script.closed, 1);
}

}  // namespace
}  // namespace vitals::prober
