// Whole fleets over simulated time: a schedule a tenant, the shares of places, and targets that take as long as they
// do. What is promised of black holes, large tenants and overload.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <queue>
#include <string>

#include "core/fair_share.h"
#include "core/schedule.h"

namespace vitals::core {
namespace {

using namespace std::chrono_literals;
using Time = Schedule::Time;
using std::chrono::milliseconds;

struct Behaviour {
    milliseconds poll{20};
    milliseconds probe{5};
    bool answers = true;
    bool reads = true;  // something, when it answers
};

class Fleet {
  public:
    explicit Fleet(std::size_t concurrency) : concurrency_(concurrency), places_(Places::of(concurrency)) {}

    void add(int tenant, int count, milliseconds interval, Behaviour behaviour, Lane lane = Lane::unproven) {
        for (int i = 0; i < count; ++i) {
            const auto key = ++last_key_;
            tenants_[tenant].schedule.put(key, "target " + std::to_string(key), interval, now_, lane);
            tenants_[tenant].targets[key] = {behaviour, interval};
        }
    }

    // All of a tenant's that are down are there again.
    void bring_back(int tenant, Behaviour behaviour) {
        for (auto& [key, target] : tenants_[tenant].targets) {
            if (!target.behaviour.answers) target.behaviour = behaviour;
        }
    }

    void run(milliseconds span) {
        const Time end = now_ + span;
        while (true) {
            dispatch();
            const auto next = next_event();
            if (!next || *next > end) break;
            now_ = std::max(now_, *next);
            finish();
        }
        now_ = end;
    }
    // Forgets what was seen so far.
    void begin_measuring() {
        for (auto& [number, tenant] : tenants_) {
            tenant.lags.clear();
            tenant.rows.clear();
            tenant.cycles.clear();
        }
    }

    // Of the polls of a tenant's answering targets.
    [[nodiscard]] milliseconds lag_percentile(int tenant, double part) {
        auto& lags = tenants_[tenant].lags;
        EXPECT_FALSE(lags.empty());
        if (lags.empty()) return 1h;
        std::sort(lags.begin(), lags.end());
        return lags.at(static_cast<std::size_t>(static_cast<double>(lags.size() - 1) * part));
    }
    [[nodiscard]] std::size_t polls(int tenant) { return tenants_[tenant].lags.size(); }
    // Rows that the cycles of each target left: the least and the greatest number, as cycles of its interval.
    [[nodiscard]] std::pair<int, int> rows(int tenant) {
        int least = 1'000'000;
        int most = 0;
        for (const auto& [key, target] : tenants_[tenant].targets) {
            least = std::min(least, tenants_[tenant].rows[key]);
            most = std::max(most, tenants_[tenant].rows[key]);
        }
        return {least, most};
    }
    // The same, with the cycles that were skipped.
    [[nodiscard]] std::pair<std::int64_t, std::int64_t> cycles(int tenant) {
        const auto& cycles = tenants_[tenant].cycles;
        const auto [least, most] = std::minmax_element(
            cycles.begin(), cycles.end(), [](const auto& one, const auto& other) { return one.second < other.second; });
        if (least == cycles.end()) return {0, 0};
        return {least->second, most->second};
    }
    [[nodiscard]] std::size_t most_in_flight() const { return most_in_flight_; }
    [[nodiscard]] std::size_t probes() const { return probes_; }
    [[nodiscard]] std::size_t down(int tenant) { return tenants_[tenant].schedule.down(); }

  private:
    struct Target {
        Behaviour behaviour;
        milliseconds interval;
    };
    struct Tenant {
        Schedule schedule;
        std::map<Schedule::Key, Target> targets;
        std::map<Schedule::Key, int> rows;
        std::map<Schedule::Key, std::int64_t> cycles;  // also those that were skipped
        std::vector<milliseconds> lags;
        std::size_t in_flight = 0;
    };
    struct Job {
        Time ends;
        int tenant;
        Schedule::Due due;
        bool operator>(const Job& other) const { return ends > other.ends; }
    };

    void dispatch() {
        std::vector<FairShare::Candidate> candidates;
        for (auto& [number, tenant] : tenants_) {
            for (const auto& passed : tenant.schedule.take_passed(now_)) {
                ++tenant.rows[passed.key];
                tenant.cycles[passed.key] += 1 + passed.skipped.count;
            }
            candidates.push_back({number, tenant.in_flight});
        }
        share_.begin(candidates);
        while (const auto number = share_.next()) {
            Tenant& tenant = tenants_[*number];
            const auto due = tenant.in_flight < FairShare::most_of_one(concurrency_, tenants_.size())
                                 ? tenant.schedule.take_due(now_, places_)
                                 : std::nullopt;
            if (!due) {
                share_.nothing_left();
                continue;
            }
            share_.started();
            start(*number, tenant, *due);
        }
    }

    void start(int number, Tenant& tenant, const Schedule::Due& due) {
        const Behaviour& behaviour = tenant.targets[due.key].behaviour;
        if (behaviour.answers && !due.probe)
            tenant.lags.push_back(std::chrono::duration_cast<milliseconds>(now_ - due.due));
        if (due.probe) ++probes_;
        places_.take(due.lane);
        ++tenant.in_flight;
        running_.push({now_ + (due.probe ? behaviour.probe : behaviour.poll), number, due});
        most_in_flight_ = std::max(most_in_flight_, places_.taken());
    }

    void finish() {
        while (!running_.empty() && running_.top().ends <= now_) {
            const Job job = running_.top();
            running_.pop();
            Tenant& tenant = tenants_[job.tenant];
            const bool answers = tenant.targets[job.due.key].behaviour.answers;
            places_.give_back(job.due.lane);
            --tenant.in_flight;
            if (job.due.probe) {
                tenant.schedule.probed(job.due.key, answers, now_);
            } else {
                ++tenant.rows[job.due.key];
                const bool reads = tenant.targets[job.due.key].behaviour.reads;
                const auto ending = !answers ? Schedule::Ending::down
                                    : reads  ? Schedule::Ending::good
                                             : Schedule::Ending::failed;
                tenant.cycles[job.due.key] += 1 + tenant.schedule.done(job.due.key, ending, now_).skipped.count;
            }
        }
    }

    std::optional<Time> next_event() {
        std::optional<Time> next;
        if (!running_.empty()) next = running_.top().ends;
        for (auto& [number, tenant] : tenants_) {
            if (const auto passed = tenant.schedule.next_passed()) next = next ? std::min(*next, *passed) : *passed;
            if (tenant.in_flight >= FairShare::most_of_one(concurrency_, tenants_.size())) continue;
            if (const auto due = tenant.schedule.next_due(places_)) next = next ? std::min(*next, *due) : *due;
        }
        return next;
    }

    std::size_t concurrency_;
    Places places_;
    FairShare share_;
    std::map<int, Tenant> tenants_;
    std::priority_queue<Job, std::vector<Job>, std::greater<>> running_;
    Time now_{1'000'000s};
    Schedule::Key last_key_ = 0;
    std::size_t most_in_flight_ = 0;
    std::size_t probes_ = 0;
};

constexpr Behaviour black_hole{.poll = 5s, .probe = 2500ms, .answers = false};

// The contract: 1,000 servers, 900 of them black holes, 50 places.
TEST(FleetTest, NineHundredBlackHolesDoNotDelayAHundredLivingServers) {
    Fleet fleet(50);
    fleet.add(1, 900, 60s, black_hole);
    fleet.add(1, 100, 60s, Behaviour{});
    // Everybody is new, and due at once: by now each was polled.
    fleet.run(5min);
    fleet.begin_measuring();
    fleet.run(30min);
    EXPECT_LT(fleet.lag_percentile(1, 1.0), 1s);
    EXPECT_EQ(fleet.lag_percentile(1, 0.99), 0ms);
    EXPECT_GE(fleet.polls(1), 100U * 29);
    EXPECT_LE(fleet.most_in_flight(), 50U);
    // Also the dead leave a row each cycle.
    EXPECT_GE(fleet.rows(1).first, 29);
    EXPECT_LE(fleet.rows(1).second, 31);
    EXPECT_GT(fleet.probes(), 900U * 2) << "and are looked after";
}

TEST(FleetTest, NewBlackHolesDoNotDelayWhatIsKnown) {
    Fleet fleet(50);
    fleet.add(1, 100, 60s, Behaviour{}, Lane::proven);
    fleet.run(2min);
    fleet.begin_measuring();
    fleet.add(1, 900, 60s, black_hole);
    fleet.run(5min);
    EXPECT_LT(fleet.lag_percentile(1, 1.0), 1s);
}

TEST(FleetTest, ALargeTenantDoesNotStarveASmallOne) {
    Fleet fleet(20);
    // Five times as much as there are places for, each poll a second long.
    fleet.add(1, 5000, 60s, Behaviour{.poll = 1s}, Lane::proven);
    fleet.run(10s);
    fleet.add(2, 5, 60s, Behaviour{}, Lane::proven);
    fleet.run(2min);
    fleet.begin_measuring();
    fleet.run(10min);
    EXPECT_LT(fleet.lag_percentile(2, 1.0), 1s);
    EXPECT_GE(fleet.polls(2), 5U * 9);
    EXPECT_GT(fleet.lag_percentile(1, 0.5), 1min) << "while the large one is late";
    EXPECT_GT(fleet.polls(1), 17U * 600) << "and has nearly all places";
}

TEST(FleetTest, OverloadDegradesEvenly) {
    Fleet fleet(10);
    // Twice as many as can be polled: 10 places, a second each, 60 s.
    fleet.add(1, 1200, 60s, Behaviour{.poll = 1s}, Lane::proven);
    fleet.run(10min);
    fleet.begin_measuring();
    fleet.run(40min);
    const auto [least, most] = fleet.rows(1);
    EXPECT_GE(least, 18) << "each is polled every second cycle";
    EXPECT_LE(most, 22);
    EXPECT_LE(fleet.lag_percentile(1, 1.0), 2min) << "and the delay does not grow";
    const auto [least_cycles, most_cycles] = fleet.cycles(1);
    EXPECT_GE(least_cycles, 38) << "the other cycles are known";
    EXPECT_LE(most_cycles, 42);
}

// Of these alone there are twice as many as can be polled.
Fleet overloaded_fleet() {
    Fleet fleet(10);
    fleet.add(1, 1200, 60s, Behaviour{.poll = 1s}, Lane::proven);
    fleet.run(10min);
    return fleet;
}

TEST(FleetTest, OverloadDoesNotKeepNewServersOut) {
    Fleet fleet = overloaded_fleet();
    fleet.add(1, 20, 60s, Behaviour{.poll = 1s});
    fleet.run(2min);
    EXPECT_GE(fleet.rows(1).first, 1) << "polled for the first time";
    fleet.run(3min);
    fleet.begin_measuring();
    fleet.run(40min);
    EXPECT_GE(fleet.rows(1).first, 17) << "and then as often as the others";
}

TEST(FleetTest, OverloadDoesNotKeepFailingServersOut) {
    Fleet fleet = overloaded_fleet();
    fleet.add(1, 20, 60s, Behaviour{.poll = 1s, .reads = false});
    fleet.run(5min);
    fleet.begin_measuring();
    fleet.run(40min);
    EXPECT_GE(fleet.rows(1).first, 17);
}

TEST(FleetTest, OverloadDoesNotKeepServersDown) {
    Fleet fleet = overloaded_fleet();
    fleet.add(1, 10, 60s, black_hole);
    fleet.run(20min);
    ASSERT_EQ(fleet.down(1), 10U);
    fleet.bring_back(1, Behaviour{.poll = 1s});
    // A probe comes every five minutes, and then a poll.
    fleet.run(10min);
    EXPECT_EQ(fleet.down(1), 0U);
}

TEST(FleetTest, BlackHolesTakeLittleOfAnOverloadedFleet) {
    Fleet fleet = overloaded_fleet();
    fleet.add(1, 900, 60s, black_hole);
    fleet.run(1h);
    fleet.begin_measuring();
    fleet.run(40min);
    EXPECT_GE(fleet.polls(1), 8U * 40 * 60) << "of ten a second";
    EXPECT_GT(fleet.probes(), 0U);
}

TEST(FleetTest, BlackHolesDoNotKeepALonePlaceFromLivingServers) {
    Fleet fleet(1);
    fleet.add(1, 100, 60s, Behaviour{}, Lane::proven);
    fleet.add(1, 100, 60s, black_hole, Lane::failing);
    fleet.run(20min);
    fleet.begin_measuring();
    fleet.run(30min);
    EXPECT_LT(fleet.lag_percentile(1, 1.0), 10s);
    EXPECT_GE(fleet.polls(1), 100U * 29);
}

TEST(FleetTest, TwoOverloadedTenantsShareEvenly) {
    Fleet fleet(10);
    fleet.add(1, 3000, 60s, Behaviour{.poll = 1s}, Lane::proven);
    fleet.add(2, 1000, 60s, Behaviour{.poll = 1s}, Lane::proven);
    fleet.run(5min);
    fleet.begin_measuring();
    fleet.run(10min);
    const auto ratio = static_cast<double>(fleet.polls(1)) / static_cast<double>(fleet.polls(2));
    EXPECT_NEAR(ratio, 1.0, 0.05);
}

TEST(FleetTest, DeadServersOfOneTenantDoNotKeepAnothersFromBeingProbed) {
    Fleet fleet(20);
    fleet.add(1, 2000, 60s, black_hole);
    fleet.run(10min);
    fleet.add(2, 1, 60s, black_hole);
    fleet.run(1min);
    fleet.begin_measuring();
    fleet.run(10min);
    EXPECT_EQ(fleet.rows(2).first, 10);
}

TEST(FairShareTest, OneTenantAloneMayUseEverything) {
    EXPECT_EQ(FairShare::most_of_one(50, 1), 50U);
    EXPECT_EQ(FairShare::most_of_one(50, 2), 45U);
    EXPECT_EQ(FairShare::most_of_one(2, 2), 1U);
    EXPECT_EQ(FairShare::most_of_one(1, 2), 1U);
}

TEST(FairShareTest, AmongEqualsTheTurnGoesRound) {
    FairShare share;
    std::string turns;
    for (int round = 0; round < 6; ++round) {
        share.begin({{1, 0}, {2, 0}, {3, 0}});
        turns += std::to_string(share.next().value_or(0));
        share.started();
    }
    EXPECT_EQ(turns, "123123");
}

TEST(FairShareTest, TheFewestInFlightComeFirst) {
    FairShare share;
    share.begin({{1, 5}, {2, 3}, {3, 9}});
    std::string turns;
    while (turns.size() < 4) {
        turns += std::to_string(share.next().value_or(0));
        share.started();
    }
    EXPECT_EQ(turns, "2212");
    EXPECT_EQ(share.next(), 1);
    share.nothing_left();
    EXPECT_EQ(share.next(), 2);
    share.nothing_left();
    EXPECT_EQ(share.next(), 3);
    share.nothing_left();
    EXPECT_EQ(share.next(), std::nullopt);
}

}  // namespace
}  // namespace vitals::core
