// What is remembered of groups that were in trouble: which are not asked for a while, and which are asked alone.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "core/wire.h"
#include "prober/deadline.h"

namespace vitals::prober {

// Groups that are not asked for a while: a statement that may not be run leaves an error in the log of the server each
// time, and one that breaks the connection costs a login.
class MssqlRefusals {
  public:
    using Clock = Deadline::Clock;

    // No permission: until a new connection, at most an hour.
    void deny(std::string_view group, const core::Failure& failure) {
        refusals_.insert_or_assign(std::string(group),
                                   Refusal{core::GroupState::denied, failure, Clock::now() + std::chrono::hours(1)});
    }
    // It broke the connection.
    void put_aside(std::string_view group, const core::Failure& failure) {
        refusals_.insert_or_assign(std::string(group),
                                   Refusal{core::GroupState::failed, failure, Clock::now() + std::chrono::minutes(10)});
    }
    void forget_denied() {
        std::erase_if(refusals_, [](const auto& one) { return one.second.state == core::GroupState::denied; });
    }
    void clear() { refusals_.clear(); }

    struct Refusal {
        core::GroupState state;
        core::Failure failure;
        Clock::time_point until;
    };
    // What holds now, or nullptr.
    [[nodiscard]] const Refusal* find(std::string_view group) const {
        const auto found = refusals_.find(group);
        return found != refusals_.end() && Clock::now() < found->second.until ? &found->second : nullptr;
    }

  private:
    std::map<std::string, Refusal, std::less<>> refusals_;
};

// Groups that are asked alone, because one of them was slower than its timeout in a batch. It need not be slow for
// ever: after an hour they are asked with the others again.
class MssqlApart {
  public:
    using Clock = Deadline::Clock;

    void put(std::string_view group, Clock::time_point now = Clock::now()) {
        until_.insert_or_assign(std::string(group), now + std::chrono::hours(1));
    }
    [[nodiscard]] bool contains(std::string_view group, Clock::time_point now = Clock::now()) const {
        const auto found = until_.find(group);
        return found != until_.end() && now < found->second;
    }
    void clear() { until_.clear(); }

  private:
    std::map<std::string, Clock::time_point, std::less<>> until_;
};

}  // namespace vitals::prober
