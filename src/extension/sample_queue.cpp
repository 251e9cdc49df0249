#include "extension/sample_queue.h"

#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include "extension/storage.h"
#include "pg/boundary.h"
#include "pg/log.h"

namespace vitals::ext {

namespace {

// Values are what storing takes time for: a batch of large collections is kept within the time of one of many small
// ones. Bytes are what a statement takes memory for.
constexpr std::size_t most_batch = 500;
constexpr std::size_t most_batch_values = 20'000;
constexpr std::size_t most_batch_bytes = 8 * 1024 * 1024;
constexpr std::size_t most_waiting = 5000;
constexpr std::size_t most_waiting_values = 1'000'000;
constexpr std::size_t most_waiting_bytes = 64 * 1024 * 1024;
// What an honest schema may need for a row, and for a value whose series is new.
constexpr std::chrono::microseconds work_of_record{1000};
constexpr std::chrono::microseconds work_of_value{150};
// One that nothing but itself keeps from being stored.
constexpr int most_failures_alone = 2;

std::size_t bytes_of(const core::PollRecord& record) {
    const auto of_failure = [](const std::optional<core::Failure>& failure) {
        return failure ? failure->message.size() : 0;
    };
    std::size_t bytes = sizeof(record) + of_failure(record.failure);
    bytes += record.numbers.size() * sizeof(record.numbers.front());
    // Names that somebody else has as well are not its own.
    if (record.series && record.series.use_count() == 1) bytes += record.series->bytes_with_names();
    for (const auto& group : record.groups)
        bytes += sizeof(group) + group.status.name.size() + of_failure(group.status.failure);
    for (const auto& [key, text] : record.facts)
        bytes += 2 * sizeof(std::string) + key.size() + text.size();
    return bytes;
}

// What has its cause in the moment or in the schema, and not in what was to be stored: a lock, a time limit, a full
// disk, a table that is missing or must not be written.
bool is_of_the_tables(const std::exception& error) {
    const auto* raised = dynamic_cast<const pg::ServerError*>(&error);
    if (raised == nullptr) return false;
    constexpr std::array<std::string_view, 9> classes{"08", "25", "3F", "40", "42", "53", "55", "57", "58"};
    const std::string sqlstate = raised->sqlstate();
    return std::ranges::any_of(classes, [&](std::string_view prefix) { return sqlstate.starts_with(prefix); });
}

}  // namespace

SampleQueue::SampleQueue(CollectorFigures& figures, TenantProblems& problems)
    : figures_(figures),
      problems_(problems),
      most_{.records = most_batch, .values = most_batch_values, .bytes = most_batch_bytes} {}

void SampleQueue::add(core::PollRecord record, std::vector<Request> requests, Time now) {
    if (waiting_.empty()) oldest_ = now;
    const std::size_t bytes = bytes_of(record);
    ++all_.records;
    all_.values += record.numbers.size();
    all_.bytes += bytes;
    if (!requests.empty()) ++awaited_;
    waiting_.push_back({.record = std::move(record), .bytes = bytes, .requests = std::move(requests)});
    // The newest are kept: a schema that comes back shows the present, with a gap before it.
    while (all_.records > most_waiting ||
           (all_.records > 1 && (all_.values > most_waiting_values || all_.bytes > most_waiting_bytes))) {
        drop_oldest("It was polled, but the result was dropped: too much waits to be stored; see vitals.tenants.");
    }
}

bool SampleQueue::has_room() const noexcept {
    return all_.records < most_waiting / 2 && all_.values < most_waiting_values / 2 &&
           all_.bytes < most_waiting_bytes / 2;
}

// What waits gets cold, in both meanings of the word.
bool SampleQueue::waits_for_batches(std::size_t count) const noexcept {
    return all_.records >= count * most_batch || all_.values >= count * most_batch_values ||
           all_.bytes >= count * most_batch_bytes;
}

const core::PollRecord* SampleQueue::newest_of(std::string_view server_id) const {
    const auto found = std::find_if(waiting_.rbegin(), waiting_.rend(),
                                    [&](const Waiting& waiting) { return waiting.record.server_id == server_id; });
    return found == waiting_.rend() ? nullptr : &found->record;
}

void SampleQueue::forget_oldest() {
    const Waiting& oldest = waiting_.front();
    --all_.records;
    all_.values -= oldest.record.numbers.size();
    all_.bytes -= oldest.bytes;
    if (!oldest.requests.empty()) --awaited_;
    failed_alone_ = 0;
    waiting_.pop_front();
}

void SampleQueue::drop_oldest(const std::string& why) {
    answer(waiting_.front(), why);
    forget_oldest();
    ++figures_.samples_dropped;
}

bool SampleQueue::is_full(Time now) const {
    return awaited_ > 0 || all_.records >= most_batch || all_.values >= most_.values || all_.bytes >= most_.bytes ||
           now - oldest_ >= most_age;
}

// What a session waits for is stored alone: so it hears of its own poll and of no other.
SampleQueue::Batch SampleQueue::next_batch() const {
    Batch batch;
    for (const auto& waiting : waiting_) {
        const Batch with{.records = batch.records + 1,
                         .values = batch.values + waiting.record.numbers.size(),
                         .bytes = batch.bytes + waiting.bytes};
        const bool fits = with.records <= most_.records && with.values <= most_.values && with.bytes <= most_.bytes;
        if (batch.records > 0 && (!fits || !waiting.requests.empty())) break;
        batch = with;
        if (!waiting.requests.empty()) break;
    }
    return batch;
}

void SampleQueue::store_next(const Tenant& tenant, Time now, std::chrono::milliseconds limit) {
    const Batch batch = next_batch();
    try {
        store_batch(tenant, batch, limit);
        failing_ = false;
        most_.records = std::min(most_.records * 2, most_batch);
        most_.values = std::min(most_.values * 2, most_batch_values);
        not_before_ =
            next_after_success(now, slow_work + batch.records * work_of_record + batch.values * work_of_value);
        problems_.set(Problem::storing, "");
    } catch (const std::exception& error) {
        failing_ = true;
        not_before_ = retry_of_failure(now);
        problems_.set(Problem::storing, std::string("could not store samples: ") + error.what());
        after_failure(tenant, batch, error);
    }
}

void SampleQueue::after_failure(const Tenant& tenant, const Batch& batch, const std::exception& error) {
    // It may have been too much for the time limit, or one of them is to blame.
    most_.records = std::max<std::size_t>(batch.records / 2, 1);
    most_.values = std::max<std::size_t>(batch.values / 2, 1);
    failed_alone_ = batch.records == 1 && !is_of_the_tables(error) ? failed_alone_ + 1 : 0;
    if (failed_alone_ == most_failures_alone) {
        pg::write_log(pg::LogLevel::warning, "a sample of tenant \"" + tenant.name + "\" is dropped", error.what(),
                      "It could not be stored, twice and alone.");
        drop_oldest(std::string("It was polled, but the result could not be stored and was dropped: ") + error.what());
    }
    answer_all("It was polled, but the result could not be stored yet; see vitals.tenants.");
}

std::size_t SampleQueue::flush_last(const Tenant& tenant, std::chrono::milliseconds limit) {
    const Time end = Clock::now() + limit;
    try {
        while (!waiting_.empty()) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
            if (left.count() <= 0) break;
            store_batch(tenant, next_batch(), left);
        }
    } catch (const std::exception& error) {
        pg::write_log(pg::LogLevel::log, "could not store the last samples of tenant \"" + tenant.name + "\"",
                      error.what());
    }
    answer_all(collector_ends);
    figures_.samples_dropped += static_cast<std::int64_t>(all_.records);
    return all_.records;
}

void SampleQueue::store_batch(const Tenant& tenant, const Batch& batch, std::chrono::milliseconds limit) {
    std::vector<const core::PollRecord*> records;
    records.reserve(batch.records);
    for (std::size_t i = 0; i < batch.records; ++i)
        records.push_back(&waiting_[i].record);
    const Stored stored = store(tenant, records, known_sets_, limit);
    std::string error;
    if (stored.rejected > 0) {
        error = "It was polled, but the tenant's tables refused the result: " + stored.reason;
    } else if (stored.stored == 0) {
        error = "It was polled, but the server was removed meanwhile.";
    }
    for (std::size_t i = 0; i < batch.records; ++i) {
        answer(waiting_.front(), error);
        forget_oldest();
    }
    figures_.samples_stored += stored.stored;
    figures_.samples_rejected += stored.rejected;
    if (stored.rejected == 0) return;
    const std::string refusal = "tenant \"" + tenant.name + "\" refused samples: " + stored.reason;
    pg::write_log(pg::LogLevel::warning, refusal);
    publish_error(refusal);
}

void SampleQueue::answer(Waiting& waiting, const std::string& error) {
    if (waiting.requests.empty()) return;
    const std::string text = error.empty() ? core::encode_summary(waiting.record) : error;
    for (const auto& request : waiting.requests)
        answer_request(request, error.empty(), text);
}

void SampleQueue::answer_all(const std::string& error) {
    for (auto& waiting : waiting_) {
        answer(waiting, error);
        waiting.requests.clear();
    }
    awaited_ = 0;
}

}  // namespace vitals::ext
