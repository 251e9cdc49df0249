#include "prober/connectors/mssql/mssql_session.h"

#include <string>
#include <string_view>
#include <utility>

#include "prober/connectors/mssql/mssql_check.h"
#include "prober/connectors/mssql/mssql_probe.h"
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

}  // namespace

MssqlSession::MssqlSession(std::shared_ptr<MssqlShared> shared) : shared_(std::move(shared)) {
    randombytes_buf(key_.data(), key_.size());
}

core::Result MssqlSession::poll(const core::Job& job, const Deadline& deadline) {
    try {
        const MssqlOptions options = parse_mssql_options(job);
        if (const Fingerprint wanted = fingerprint_of(job); wanted != fingerprint_) {
            // Another server or another login: its counters are not the continuation of the old ones.
            kept_ = {};
            fingerprint_ = wanted;
        }
        return poll_mssql(*shared_, kept_, job, options, deadline);
    } catch (const TdsFailure& error) {
        kept_.connection.reset();
        return failed(error.failure());
    }
}

core::Result MssqlSession::check(const core::Job& job, const Deadline& deadline) {
    // Whoever checks has changed something: what was refused before is asked again.
    kept_.refusals.clear();
    return check_mssql(*shared_, job, deadline);
}

core::Result MssqlSession::probe(const core::Job& job, const Deadline& deadline) {
    return probe_mssql(*shared_, job, deadline);
}

MssqlSession::Fingerprint MssqlSession::fingerprint_of(const core::Job& job) const {
    crypto_generichash_state state;
    crypto_generichash_init(&state, key_.data(), key_.size(), crypto_generichash_BYTES);
    mix(state, job.host);
    mix(state, std::to_string(job.port));
    mix(state, job.username);
    mix(state, std::to_string(job.login));
    if (job.login == 0) mix(state, job.password.reveal());
    for (const auto& [name, value] : job.options) {
        mix(state, name);
        mix(state, value);
    }
    Fingerprint fingerprint{};
    crypto_generichash_final(&state, fingerprint.data(), fingerprint.size());
    return fingerprint;
}

}  // namespace vitals::prober
