#include "prober/connectors/mssql/mssql_prepared.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "prober/connectors/mssql/mssql_batch.h"

namespace vitals::prober {

namespace {

constexpr std::string_view handle_column = "vitals_handle";
// Shorter ones are not worth a place among the few.
constexpr std::size_t least_text = 1000;
constexpr std::chrono::hours off_time{1};

MssqlPrepared::Digest digest_of(std::string_view text) {
    MssqlPrepared::Digest digest{};
    crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                       nullptr, 0);
    return digest;
}

bool is_single(const ResultSet& set, std::string_view column) {
    return set.columns.size() == 1 && set.columns.front() == column && set.rows.size() == 1;
}

bool begins_with(const BatchReply& reply, std::string_view marker) {
    return !reply.sets.empty() && is_single(reply.sets.front(), marker_column) &&
           text_at(reply.sets.front().rows.front(), 0) == marker;
}

// As if the first sets had not been there.
void drop_sets(BatchReply& reply, std::size_t count) {
    reply.sets.erase(reply.sets.begin(), reply.sets.begin() + static_cast<std::ptrdiff_t>(count));
    reply.read_at.erase(reply.read_at.begin(), reply.read_at.begin() + static_cast<std::ptrdiff_t>(count));
    for (ServerMessage& error : reply.errors)
        error.place -= std::min(error.place, 2 * count);
}

}  // namespace

MssqlPrepared::Batch MssqlPrepared::batch_for(const std::string& text) {
    broke_connection_ = false;
    if (text.size() < least_text || switched_off()) return {};
    const Digest digest = digest_of(text);
    const Known* known = find(digest);
    if (known == nullptr) {
        remember(digest);
        return {};
    }
    if (known->handle) return {Form::execute, fmt::format("EXEC sp_execute {}", *known->handle), digest};
    return {Form::prepare, preparing(text), digest};
}

bool MssqlPrepared::accept(const Batch& batch, BatchReply& reply, std::string_view first_marker) {
    const auto handle = batch.form == Form::prepare ? take_handle(reply) : std::nullopt;
    const bool answered = begins_with(reply, first_marker);
    Known* known = find(batch.digest);
    if (known == nullptr) return answered;
    if (batch.form == Form::prepare) known->handle = handle;
    if (batch.form == Form::execute && answered) known->executed = true;
    if (answered && !known->handle) switch_off();
    return answered;
}

void MssqlPrepared::compare(const Batch& batch, const BatchReply& reply, std::string_view first_marker) {
    // What is not answered either way has a fault of its own.
    if (begins_with(reply, first_marker)) {
        switch_off();
    } else {
        forget(batch.digest);
    }
}

void MssqlPrepared::note_break(const Batch& batch, CutOff cut_off) {
    broke_connection_ = cut_off == CutOff::none;
    // One that was executed before shares the fate of every kept connection.
    const Known* known = find(batch.digest);
    if (known == nullptr || !known->executed) switch_off();
}

void MssqlPrepared::forget_connection() {
    known_.clear();
    dropped_.clear();
    broke_connection_ = false;
}

// The connection may stay: what it has is given back with the next that is prepared.
void MssqlPrepared::switch_off() {
    for (const Known& known : known_)
        give_back(known);
    known_.clear();
    off_until_ = Deadline::Clock::now() + off_time;
}

MssqlPrepared::Known* MssqlPrepared::find(const Digest& digest) {
    const auto found =
        std::find_if(known_.begin(), known_.end(), [&](const Known& known) { return known.digest == digest; });
    if (found == known_.end()) return nullptr;
    std::rotate(known_.begin(), found, found + 1);
    return &known_.front();
}

void MssqlPrepared::remember(const Digest& digest) {
    if (known_.size() == max_prepared_texts) {
        give_back(known_.back());
        known_.pop_back();
    }
    known_.insert(known_.begin(), Known{digest, std::nullopt, false});
}

void MssqlPrepared::forget(const Digest& digest) {
    const Known* known = find(digest);
    if (known == nullptr) return;
    give_back(*known);
    known_.erase(known_.begin());
}

void MssqlPrepared::give_back(const Known& known) {
    if (known.handle) dropped_.push_back(*known.handle);
}

std::string MssqlPrepared::preparing(const std::string& text) {
    std::string sql;
    for (const std::int32_t handle : std::exchange(dropped_, {}))
        sql += fmt::format("EXEC sp_unprepare {};\n", handle);
    sql += "DECLARE @h int;\nEXEC sp_prepare @h OUTPUT, NULL, ";
    sql += quoted(text);
    sql += fmt::format(";\nSELECT @h AS {};\nEXEC sp_execute @h", handle_column);
    return sql;
}

// It becomes part of a statement: nothing but a number that SQL Server can have given, and that no other text has.
std::optional<std::int32_t> MssqlPrepared::take_handle(BatchReply& reply) const {
    const auto found = std::find_if(reply.sets.begin(), reply.sets.end(),
                                    [](const ResultSet& set) { return is_single(set, handle_column); });
    if (found == reply.sets.end()) return std::nullopt;
    const auto number = integer_at(found->rows.front(), 0);
    drop_sets(reply, static_cast<std::size_t>(found - reply.sets.begin()) + 1);
    using Limits = std::numeric_limits<std::int32_t>;
    if (!number || *number == 0 || *number < Limits::min() || *number > Limits::max()) return std::nullopt;
    const auto handle = static_cast<std::int32_t>(*number);
    const bool taken =
        std::any_of(known_.begin(), known_.end(), [&](const Known& known) { return known.handle == handle; });
    return taken ? std::nullopt : std::optional(handle);
}

}  // namespace vitals::prober
