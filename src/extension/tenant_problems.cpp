#include "extension/tenant_problems.h"

#include "extension/collector.h"
#include "extension/collector_report.h"
#include "extension/storage.h"
#include "extension/worker_process.h"
#include "pg/boundary.h"
#include "pg/log.h"

namespace vitals::ext {

void TenantProblems::set(Problem problem, const std::string& error) {
    std::string& before = problems_[problem];
    if (error == before) return;
    // Tables and functions that were dropped with the extension are nobody's problem: the collection is about to end.
    // Nor are statements that gave way to the end of the process, or tables of a tenant that is dropped: the next
    // reading of the tenants finds that out.
    if (!error.empty() && (end_requested() || extension_has_changed() || is_gone())) return;
    before = error;
    show();
    if (error.empty()) {
        pg::write_log(pg::LogLevel::log, "tenant \"" + name_ + "\" works again");
        return;
    }
    const std::string message = "tenant \"" + name_ + "\" has a problem";
    pg::write_log(pg::LogLevel::warning, message, error, "The other tenants are not affected.");
    publish_error(message + ": " + error);
}

bool TenantProblems::is_gone() const {
    try {
        return !is_registered(key_);
    } catch (const pg::ServerError&) {
        return false;
    }
}

// To the tenant's users. That it failed is no reason to stop.
void TenantProblems::show() const {
    std::string shown;
    for (const auto& [problem, error] : problems_) {
        if (!shown.empty() && !error.empty()) shown += "; ";
        shown += error;
    }
    try {
        note_problem(key_, shown);
    } catch (const pg::ServerError& error) {
        pg::write_log(pg::LogLevel::warning, "could not note a problem of tenant \"" + name_ + "\"", error.what());
    }
}

}  // namespace vitals::ext
