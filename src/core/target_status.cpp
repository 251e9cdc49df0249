#include "core/target_status.h"

namespace vitals::core {

std::string_view to_text(TargetStatus status) noexcept {
    switch (status) {
        case TargetStatus::online:
            return "online";
        case TargetStatus::degraded:
            return "degraded";
        case TargetStatus::offline:
            return "offline";
        case TargetStatus::unknown:
            break;
    }
    return "unknown";
}

TargetStatus target_status_from_text(std::string_view text) noexcept {
    for (const auto status : {TargetStatus::online, TargetStatus::degraded, TargetStatus::offline}) {
        if (text == to_text(status)) return status;
    }
    return TargetStatus::unknown;
}

TargetHealth after_poll(TargetHealth before, Outcome outcome, int offline_after) noexcept {
    if (outcome == Outcome::ok) return {TargetStatus::online, 0};
    if (outcome == Outcome::partial) return {TargetStatus::degraded, 0};
    TargetHealth after{before.status, before.consecutive_failures + 1};
    if (before.status == TargetStatus::unknown || after.consecutive_failures >= offline_after) {
        after.status = TargetStatus::offline;
    }
    return after;
}

bool is_out_of_reach(ErrorClass error_class) noexcept {
    switch (error_class) {
        case ErrorClass::name_lookup:
        case ErrorClass::refused:
        case ErrorClass::unreachable:
        case ErrorClass::timeout:
        case ErrorClass::protocol:
        case ErrorClass::starting:
        case ErrorClass::connection_lost:
            return true;
        default:
            return false;
    }
}

}  // namespace vitals::core
