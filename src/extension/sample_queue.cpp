#include "extension/sample_queue.h"

#include <exception>
#include <utility>

#include "extension/storage.h"
#include "pg/log.h"

namespace vitals::ext {

namespace {

constexpr std::size_t most_batch = 500;
constexpr std::size_t most_waiting = 5000;

}  // namespace

void SampleQueue::add(core::PollRecord record, std::vector<Request> requests, Time now) {
    if (!requests.empty()) {
        const std::string text = core::encode_summary(record);
        for (auto& request : requests)
            answers_.push_back({std::move(request), text});
    }
    if (records_.empty()) oldest_ = now;
    records_.push_back(std::move(record));
    // The newest are kept: a schema that comes back shows the present, with a gap before it.
    while (records_.size() > most_waiting) {
        records_.pop_front();
        ++figures_.samples_dropped;
    }
}

bool SampleQueue::is_full(Time now) const {
    return !answers_.empty() || records_.size() >= most_batch || now - oldest_ >= most_age;
}

void SampleQueue::store_all(const Tenant& tenant, Time now) {
    try {
        store_batch(tenant, storing_limit);
        not_before_ = next_after_success(now);
        problems_.set(Problem::storing, "");
    } catch (const std::exception& error) {
        not_before_ = retry_of_failure(now);
        problems_.set(Problem::storing, std::string("could not store samples: ") + error.what());
        answer("It was polled, but the result could not be stored yet; see vitals.tenants.");
    }
}

std::size_t SampleQueue::flush_last(const Tenant& tenant, std::chrono::milliseconds limit) {
    try {
        if (!records_.empty()) store_batch(tenant, limit);
    } catch (const std::exception& error) {
        pg::write_log(pg::LogLevel::log, "could not store the last samples of tenant \"" + tenant.name + "\"",
                      error.what());
    }
    answer(collector_ends);
    figures_.samples_dropped += static_cast<std::int64_t>(records_.size());
    return records_.size();
}

void SampleQueue::store_batch(const Tenant& tenant, std::chrono::milliseconds limit) {
    const std::vector<core::PollRecord> batch(records_.begin(), records_.end());
    const Stored stored = store(tenant, batch, limit);
    records_.clear();
    answer(stored.stored > 0 ? ""
                             : "It was polled, but the tenant's tables refused the result, or the server was removed.");
    figures_.samples_stored += stored.stored;
    figures_.samples_rejected += stored.rejected;
    if (stored.rejected == 0) return;
    const std::string error = "tenant \"" + tenant.name + "\" refused samples: " + stored.reason;
    pg::write_log(pg::LogLevel::warning, error);
    publish_error(error);
}

void SampleQueue::answer(const std::string& error) {
    for (const auto& answer : std::exchange(answers_, {}))
        answer_request(answer.request, error.empty(), error.empty() ? answer.text : error);
}

}  // namespace vitals::ext
