#include "core/group_history.h"

#include <algorithm>

namespace vitals::core {

namespace {

constexpr std::chrono::minutes write_interval{5};

bool differ(const GroupStatus& one, const GroupStatus& other) {
    const auto class_of = [](const GroupStatus& status) {
        return status.failure ? std::optional(status.failure->error_class) : std::nullopt;
    };
    return one.state != other.state || class_of(one) != class_of(other);
}

}  // namespace

bool GroupHistory::update(const std::vector<GroupStatus>& groups, const std::string& at, Clock::time_point now) {
    bool changed = false;
    for (const auto& status : groups) {
        auto found = std::lower_bound(
            outcomes_.begin(), outcomes_.end(), status.name,
            [](const GroupOutcome& outcome, const std::string& name) { return outcome.status.name < name; });
        if (found == outcomes_.end() || found->status.name != status.name) {
            if (outcomes_.size() >= max_groups) continue;
            found = outcomes_.insert(found, GroupOutcome{});
            changed = true;
        }
        changed = changed || differ(found->status, status);
        found->status = status;
        found->at = at;
        if (status.state == GroupState::ok) found->ok_at = at;
    }
    if (outcomes_.empty() || (!changed && written_ && now - *written_ < write_interval)) return false;
    written_ = now;
    return true;
}

void GroupHistory::clear() {
    outcomes_.clear();
    written_.reset();
}

}  // namespace vitals::core
