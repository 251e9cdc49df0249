#include "prober/connectors/mssql/mssql_session.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "prober/connectors/mssql/mssql_check.h"
#include "prober/connectors/mssql/mssql_errors.h"
#include "prober/connectors/mssql/mssql_facts.h"
#include "prober/connectors/mssql/mssql_probe.h"
#include "prober/connectors/mssql/mssql_values.h"
#include "prober/freetds/tds_failure.h"

namespace vitals::prober {

namespace {

core::Result failed(core::Failure failure) {
    core::Result result;
    result.outcome = core::Outcome::failed;
    result.failure = std::move(failure);
    return result;
}

// Lengths go in as well, so that no two different jobs give the same bytes.
void mix(crypto_generichash_state& state, std::string_view text) {
    const std::uint64_t size = text.size();
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(&size), sizeof(size));
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

// Every group that was asked for and has no result set failed. The first error explains it.
std::optional<core::Failure> incomplete(const MssqlReading& reading, const std::vector<MssqlGroup>& groups,
                                        const MssqlOptions& options) {
    if (!reading.errors.empty()) return describe_server_error(reading.errors.front(), options, Moment::batch);
    for (const MssqlGroup group : groups) {
        const ResultSet* set = find_group(reading.sets, group);
        const bool empty = set == nullptr || (group == MssqlGroup::counters && set->rows.empty());
        if (!empty) continue;
        if (group == MssqlGroup::counters)
            return core::Failure{core::ErrorClass::server_error, 0,
                                 "the server has no performance counters: they were not loaded when it started"};
        return core::Failure{core::ErrorClass::protocol, 0, "the server left out a part of the answer"};
    }
    return std::nullopt;
}

}  // namespace

MssqlSession::MssqlSession(std::shared_ptr<MssqlShared> shared) : shared_(std::move(shared)) {
    randombytes_buf(key_.data(), key_.size());
}

core::Result MssqlSession::poll(const core::Job& job, const Deadline& deadline) {
    try {
        return poll_or_throw(job, deadline);
    } catch (const TdsFailure& error) {
        connection_.reset();
        return failed(error.failure());
    }
}

core::Result MssqlSession::check(const core::Job& job, const Deadline& deadline) {
    return check_mssql(*shared_, job, deadline);
}

core::Result MssqlSession::probe(const core::Job& job, const Deadline& deadline) {
    return probe_mssql(*shared_, job, deadline);
}

core::Result MssqlSession::poll_or_throw(const core::Job& job, const Deadline& deadline) {
    const MssqlOptions options = parse_mssql_options(job);
    const std::vector<MssqlMetric> metrics = select_mssql_metrics(job.metrics);
    const std::vector<MssqlGroup> groups = groups_for(metrics, ask_cpu_history_);
    const MssqlReading reading = read(job, options, groups, deadline);

    MssqlSample now = read_mssql_sample(reading.sets);
    const MssqlSample* before = before_ ? &*before_ : nullptr;
    MssqlValues values = compute_mssql_values(before, now, metrics, core::max_gap(job.interval));

    core::Result result;
    result.failure = incomplete(reading, groups, options);
    result.outcome = result.failure ? core::Outcome::partial : core::Outcome::ok;
    result.values = std::move(values.values);
    result.interval_ms = values.interval_ms;
    result.facts = mssql_facts(now, reading, encrypted_);
    ask_cpu_history_ = lacks_process_cpu(before, now);
    before_ = std::move(now);
    return result;
}

void MssqlSession::connect(const core::Job& job, const MssqlOptions& options, const Deadline& deadline) {
    connection_.reset();
    const MssqlLocation location = locate_mssql(*shared_, options, deadline);
    connection_ = open_mssql_connection(*shared_, options, location, job.password, deadline);
    if (!connection_->good()) throw TdsFailure(describe_failure(connection_->observation(), options, Moment::login));
    encrypted_ = begin_mssql_session(*connection_, options, deadline);
}

MssqlReading MssqlSession::read(const core::Job& job, const MssqlOptions& options,
                                const std::vector<MssqlGroup>& groups, const Deadline& deadline) {
    const Fingerprint wanted = fingerprint_of(job);
    if (wanted != fingerprint_) {
        // Another server or another login: its counters are not the continuation of the old ones.
        connection_.reset();
        before_.reset();
        ask_cpu_history_ = false;
        fingerprint_ = wanted;
    }
    const bool kept = connection_ && connection_->good();
    if (!kept) connect(job, options, deadline);
    MssqlReading reading = read_mssql_groups(*connection_, groups, deadline);
    if (connection_->good()) return reading;

    core::Failure failure = describe_failure(connection_->observation(), options, Moment::batch);
    // A kept connection may have been closed since the last poll: by the server, its restart or a firewall.
    const bool stale = kept && reading.sets.empty() && failure.error_class == core::ErrorClass::connection_lost;
    if (!stale) throw TdsFailure(std::move(failure));
    connect(job, options, deadline);
    reading = read_mssql_groups(*connection_, groups, deadline);
    if (!connection_->good()) throw TdsFailure(describe_failure(connection_->observation(), options, Moment::batch));
    return reading;
}

MssqlSession::Fingerprint MssqlSession::fingerprint_of(const core::Job& job) const {
    crypto_generichash_state state;
    crypto_generichash_init(&state, key_.data(), key_.size(), crypto_generichash_BYTES);
    mix(state, job.host);
    mix(state, std::to_string(job.port));
    mix(state, job.username);
    mix(state, job.password.reveal());
    for (const auto& [name, value] : job.options) {
        mix(state, name);
        mix(state, value);
    }
    Fingerprint fingerprint{};
    crypto_generichash_final(&state, fingerprint.data(), fingerprint.size());
    return fingerprint;
}

}  // namespace vitals::prober
