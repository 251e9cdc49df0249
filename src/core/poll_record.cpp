#include "core/poll_record.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

namespace vitals::core {

namespace {

using Json = nlohmann::json;

void append(std::string& text, double number) {
    if (!std::isfinite(number)) {
        text += "NULL";
        return;
    }
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    text.append(digits.data(), end);
}

std::string array_literal(const std::vector<double>& numbers) {
    constexpr std::size_t usual_size = 12;
    std::string text = "{";
    text.reserve(usual_size * numbers.size() + 2);
    for (const double number : numbers) {
        if (text.size() > 1) text += ',';
        append(text, number);
    }
    return text + '}';
}

class Sets {
  public:
    explicit Sets(const KnownSets& known) : known_(known) {}
    std::size_t number_of(const SeriesList& series) {
        const auto [found, is_new] = numbers_.try_emplace(series.hash(), numbers_.size());
        if (!is_new) return found->second;
        json_.push_back(Json{{"hash", to_text(series.hash())}});
        if (known_.contains(series.hash())) return found->second;
        Json& json = json_.back()["parts"] = Json::array();
        for (const auto& part : series.parts())
            json.push_back(json_of(*part));
        return found->second;
    }
    Json take_json() { return std::move(json_); }

  private:
    // The names of a part are told once.
    Json json_of(const SeriesPart& part) {
        Json json{{"hash", to_text(part.hash())}};
        if (known_.contains(part.hash()) || !told_.insert(part.hash()).second) return json;
        Json& names = json["names"] = Json::array();
        for (std::size_t i = 0; i < part.size(); ++i)
            names.push_back(Json::array({part.metric(i), part.instance(i)}));
        return json;
    }

    const KnownSets& known_;
    std::map<SetHash, std::size_t> numbers_;
    std::set<SetHash> told_;
    Json json_ = Json::array();
};

void put(Json& json, const char* name, const std::optional<double>& value) {
    if (value) json[name] = *value;
}

Json to_json(const GroupOutcome& group) {
    const GroupStatus& status = group.status;
    Json json{{"state", to_text(status.state)},
              {"ms", status.duration_ms},
              {"rows", status.rows},
              {"data_bytes", status.data_bytes},
              {"at", group.at}};
    if (!group.ok_at.empty()) json["ok_at"] = group.ok_at;
    if (status.failure) {
        json["class"] = to_text(status.failure->error_class);
        json["number"] = status.failure->number;
        json["message"] = status.failure->message;
    }
    return json;
}

void put_cost(Json& json, const PollRecord::Cost& cost) {
    json["login_ms"] = cost.login_ms;
    json["query_ms"] = cost.query_ms;
    json["bytes"] = cost.bytes;
    json["rows"] = cost.rows;
    json["round_trips"] = cost.round_trips;
}

Json to_json(const PollRecord& record, Sets& sets) {
    Json json{{"server_id", record.server_id},     {"collected_at", record.collected_at},
              {"next_due_at", record.next_due_at}, {"status", to_text(record.status)},
              {"collected", record.collected},     {"consecutive_failures", record.consecutive_failures}};
    if (!record.started_at.empty()) json["started_at"] = record.started_at;
    if (!record.next_probe_at.empty()) json["next_probe_at"] = record.next_probe_at;
    put(json, "lag_ms", record.lag_ms);
    put(json, "duration_ms", record.duration_ms);
    put(json, "interval_ms", record.interval_ms);
    if (record.failure) {
        json["error"] = {{"class", to_text(record.failure->error_class)},
                         {"number", record.failure->number},
                         {"message", record.failure->message}};
    }
    if (record.cost) put_cost(json, *record.cost);
    for (const auto& group : record.groups)
        json["groups"][group.status.name] = to_json(group);
    if (!record.facts.empty()) json["facts"] = record.facts;
    if (record.series) {
        json["set"] = sets.number_of(*record.series);
        json["vals"] = array_literal(record.numbers);
    }
    return json;
}

}  // namespace

std::string encode_summary(const PollRecord& record) {
    Json json{{"collected_at", record.collected_at}, {"status", to_text(record.status)}};
    put(json, "duration_ms", record.duration_ms);
    if (record.failure) {
        json["error_class"] = to_text(record.failure->error_class);
        json["error"] = record.failure->message;
    }
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string encode_records(const std::vector<const PollRecord*>& records, const KnownSets& known) {
    Sets sets(known);
    Json polls = Json::array();
    for (const auto* record : records)
        polls.push_back(to_json(*record, sets));
    const Json batch{{"sets", sets.take_json()}, {"polls", std::move(polls)}};
    return batch.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace vitals::core
