#include "extension/collector_report.h"

#include <algorithm>
#include <cstring>

#include "extension/settings.h"
#include "extension/shared_memory.h"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace vitals::ext {

namespace {

struct SharedProber {
    Oid database;
    ProberFigures figures;
};

struct SharedReports {
    int report_count;
    int prober_count;
    // CollectorReport[report_count], then SharedProber[prober_count], follow.
};

SharedReports* shared = nullptr;

CollectorReport* reports() {
    return reinterpret_cast<CollectorReport*>(reinterpret_cast<char*>(shared) + MAXALIGN(sizeof(SharedReports)));
}

SharedProber* probers() {
    return reinterpret_cast<SharedProber*>(reinterpret_cast<char*>(reports()) +
                                           MAXALIGN(sizeof(CollectorReport) * shared->report_count));
}

CollectorReport* find_report(Oid database) {
    CollectorReport* end = reports() + shared->report_count;
    CollectorReport* found =
        std::find_if(reports(), end, [&](const CollectorReport& report) { return report.database == database; });
    return found == end ? nullptr : found;
}

CollectorReport* own_report() {
    CollectorReport* report = find_report(MyDatabaseId);
    if (report == nullptr) {
        report = find_report(InvalidOid);
        if (report == nullptr) return nullptr;
        *report = CollectorReport{};
        report->database = MyDatabaseId;
    }
    return report;
}

void clear_probers() {
    for (int i = 0; i < shared->prober_count; ++i) {
        if (probers()[i].database == MyDatabaseId) probers()[i].database = InvalidOid;
    }
}

}  // namespace

void publish_figures(const CollectorFigures& figures) {
    const SharedLockGuard guard(SharedArea::collector_report, LW_EXCLUSIVE);
    if (CollectorReport* report = own_report()) report->figures = figures;
}

void publish_error(std::string_view message) {
    // Not in the middle of a character: a view would show it as text.
    const auto length = static_cast<std::size_t>(pg_mbcliplen(
        message.data(), static_cast<int>(message.size()), static_cast<int>(sizeof(CollectorReport::last_error)) - 1));
    const SharedLockGuard guard(SharedArea::collector_report, LW_EXCLUSIVE);
    CollectorReport* report = own_report();
    if (report == nullptr) return;
    std::memcpy(report->last_error, message.data(), length);
    report->last_error[length] = '\0';
    report->last_error_at = GetCurrentTimestamp();
}

std::size_t publish_probers(const std::vector<ProberFigures>& figures) {
    const SharedLockGuard guard(SharedArea::collector_report, LW_EXCLUSIVE);
    clear_probers();
    std::size_t published = 0;
    for (int i = 0; i < shared->prober_count && published < figures.size(); ++i) {
        if (OidIsValid(probers()[i].database)) continue;
        probers()[i] = {MyDatabaseId, figures[published++]};
    }
    return figures.size() - published;
}

void configuration_changed(Oid database) {
    const SharedLockGuard guard(SharedArea::collector_report, LW_EXCLUSIVE);
    // Without a report there is no collector yet, and it will read its tables when it starts.
    if (CollectorReport* report = find_report(database)) ++report->configuration_generation;
}

std::uint64_t configuration_generation() {
    const SharedLockGuard guard(SharedArea::collector_report, LW_EXCLUSIVE);
    const CollectorReport* report = own_report();
    return report == nullptr ? 0 : report->configuration_generation;
}

void withdraw_report() {
    const SharedLockGuard guard(SharedArea::collector_report, LW_EXCLUSIVE);
    if (CollectorReport* report = find_report(MyDatabaseId)) report->database = InvalidOid;
    clear_probers();
}

bool read_report(Oid database, CollectorReport& report) {
    const SharedLockGuard guard(SharedArea::collector_report, LW_SHARED);
    const CollectorReport* found = find_report(database);
    if (found == nullptr) return false;
    report = *found;
    return true;
}

int read_probers(Oid database, ProberFigures* figures, int most) {
    const SharedLockGuard guard(SharedArea::collector_report, LW_SHARED);
    int count = 0;
    for (int i = 0; i < shared->prober_count && count < most; ++i) {
        if (probers()[i].database == database) figures[count++] = probers()[i].figures;
    }
    return count;
}

Size collector_report_size() {
    return MAXALIGN(sizeof(SharedReports)) + MAXALIGN(sizeof(CollectorReport) * setting_max_databases()) +
           MAXALIGN(sizeof(SharedProber) * setting_max_probers());
}

void collector_report_init(void* memory, bool found) {
    shared = static_cast<SharedReports*>(memory);
    if (found) return;
    shared->report_count = setting_max_databases();
    shared->prober_count = setting_max_probers();
    std::fill_n(reports(), shared->report_count, CollectorReport{});
    std::fill_n(probers(), shared->prober_count, SharedProber{});
}

}  // namespace vitals::ext
