#include "extension/sample_queue.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "extension/storage.h"
#include "pg/log.h"

namespace vitals::ext {

namespace {

constexpr std::size_t most_batch = 500;
constexpr std::size_t most_waiting = 5000;
// Values are what storing takes time for: a batch of large collections is kept within the time of one of many small
// ones.
constexpr std::size_t most_batch_values = 20'000;
constexpr std::size_t most_waiting_values = 1'000'000;
// What an honest schema may need for a value whose series is new.
constexpr std::chrono::microseconds work_of_value{150};

}  // namespace

SampleQueue::SampleQueue(CollectorFigures& figures, TenantProblems& problems)
    : figures_(figures), problems_(problems), batch_values_(most_batch_values) {}

void SampleQueue::add(core::PollRecord record, std::vector<Request> requests, Time now) {
    if (!requests.empty()) {
        const std::string text = core::encode_summary(record);
        for (auto& request : requests)
            answers_.push_back({first_ + records_.size(), std::move(request), text});
    }
    if (records_.empty()) oldest_ = now;
    values_ += record.values.size();
    records_.push_back(std::move(record));
    // The newest are kept: a schema that comes back shows the present, with a gap before it.
    while (records_.size() > most_waiting || (values_ > most_waiting_values && records_.size() > 1)) {
        drop_oldest();
        ++figures_.samples_dropped;
    }
}

void SampleQueue::drop_oldest() {
    values_ -= records_.front().values.size();
    records_.pop_front();
    ++first_;
}

bool SampleQueue::is_full(Time now) const {
    return !answers_.empty() || records_.size() >= most_batch || values_ >= batch_values_ || now - oldest_ >= most_age;
}

SampleQueue::Batch SampleQueue::next_batch() const {
    Batch batch;
    for (const auto& record : records_) {
        const std::size_t values = batch.values + record.values.size();
        if (batch.records == most_batch || (batch.records > 0 && values > batch_values_)) break;
        ++batch.records;
        batch.values = values;
    }
    return batch;
}

void SampleQueue::store_next(const Tenant& tenant, Time now) {
    const Batch batch = next_batch();
    try {
        store_batch(tenant, batch, storing_limit);
        batch_values_ = std::min(batch_values_ * 2, most_batch_values);
        not_before_ = next_after_success(now, slow_work + batch.values * work_of_value);
        problems_.set(Problem::storing, "");
    } catch (const std::exception& error) {
        // It may have been too much for the time limit.
        batch_values_ = std::max<std::size_t>(batch.values / 2, 1);
        not_before_ = retry_of_failure(now);
        problems_.set(Problem::storing, std::string("could not store samples: ") + error.what());
        answer_all("It was polled, but the result could not be stored yet; see vitals.tenants.");
    }
}

std::size_t SampleQueue::flush_last(const Tenant& tenant, std::chrono::milliseconds limit) {
    const Time end = Clock::now() + limit;
    try {
        while (!records_.empty()) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
            if (left.count() <= 0) break;
            store_batch(tenant, next_batch(), left);
        }
    } catch (const std::exception& error) {
        pg::write_log(pg::LogLevel::log, "could not store the last samples of tenant \"" + tenant.name + "\"",
                      error.what());
    }
    answer_all(collector_ends);
    figures_.samples_dropped += static_cast<std::int64_t>(records_.size());
    return records_.size();
}

void SampleQueue::store_batch(const Tenant& tenant, const Batch& batch, std::chrono::milliseconds limit) {
    std::vector<const core::PollRecord*> oldest;
    for (std::size_t i = 0; i < batch.records; ++i)
        oldest.push_back(&records_[i]);
    const Stored stored = store(tenant, oldest, known_sets_, limit);
    for (std::size_t i = 0; i < batch.records; ++i)
        drop_oldest();
    answer_stored(stored.stored > 0
                      ? ""
                      : "It was polled, but the tenant's tables refused the result, or the server was removed.");
    figures_.samples_stored += stored.stored;
    figures_.samples_rejected += stored.rejected;
    if (stored.rejected == 0) return;
    const std::string error = "tenant \"" + tenant.name + "\" refused samples: " + stored.reason;
    pg::write_log(pg::LogLevel::warning, error);
    publish_error(error);
}

void SampleQueue::answer_stored(const std::string& error) {
    std::vector<Answer> waiting;
    for (auto& answer : std::exchange(answers_, {})) {
        if (answer.record < first_) {
            answer_request(answer.request, error.empty(), error.empty() ? answer.text : error);
        } else {
            waiting.push_back(std::move(answer));
        }
    }
    answers_ = std::move(waiting);
}

void SampleQueue::answer_all(const std::string& error) {
    for (const auto& answer : std::exchange(answers_, {}))
        answer_request(answer.request, false, error);
}

}  // namespace vitals::ext
