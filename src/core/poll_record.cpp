#include "core/poll_record.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace vitals::core {

namespace {

using Json = nlohmann::json;
using SeriesNames = std::vector<std::pair<std::string, std::string>>;

// In an order of its own, so that the same series are the same set however a prober ordered them.
std::vector<const Value*> in_order(const std::vector<Value>& values) {
    std::vector<const Value*> ordered;
    ordered.reserve(values.size());
    for (const auto& value : values)
        ordered.push_back(&value);
    std::stable_sort(ordered.begin(), ordered.end(), [](const Value* a, const Value* b) {
        return std::tie(a->metric, a->instance) < std::tie(b->metric, b->instance);
    });
    return ordered;
}

SeriesNames names_of(const std::vector<const Value*>& values) {
    SeriesNames names;
    names.reserve(values.size());
    for (const auto* value : values)
        names.emplace_back(value->metric, value->instance);
    return names;
}

void append(std::string& text, const std::optional<double>& value) {
    if (!value || !std::isfinite(*value)) {
        text += "NULL";
        return;
    }
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *value).ptr;
    text.append(digits.data(), end);
}

std::string array_literal(const std::vector<const Value*>& values) {
    std::string text = "{";
    for (const auto* value : values) {
        if (text.size() > 1) text += ',';
        append(text, value->value);
    }
    return text + '}';
}

class Sets {
  public:
    std::size_t number_of(SeriesNames&& names) {
        const auto [found, is_new] = numbers_.try_emplace(std::move(names), numbers_.size());
        if (is_new) {
            json_.push_back(Json::array());
            for (const auto& [metric, instance] : found->first)
                json_.back().push_back(Json::array({metric, instance}));
        }
        return found->second;
    }
    [[nodiscard]] Json&& json() && { return std::move(json_); }

  private:
    std::map<SeriesNames, std::size_t> numbers_;
    Json json_ = Json::array();
};

void put(Json& json, const char* name, const std::optional<double>& value) {
    if (value) json[name] = *value;
}

Json to_json(const GroupOutcome& group) {
    const GroupStatus& status = group.status;
    Json json{{"state", to_text(status.state)}, {"ms", status.duration_ms}, {"rows", status.rows}, {"at", group.at}};
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
    Json json{{"server_id", record.server_id},
              {"collected_at", record.collected_at},
              {"next_due_at", record.next_due_at},
              {"old_status", to_text(record.old_status)},
              {"status", to_text(record.status)},
              {"collected", record.collected},
              {"consecutive_failures", record.consecutive_failures}};
    if (!record.started_at.empty()) json["started_at"] = record.started_at;
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
    if (!record.values.empty()) {
        const auto values = in_order(record.values);
        json["set"] = sets.number_of(names_of(values));
        json["vals"] = array_literal(values);
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

std::string encode_records(const std::vector<PollRecord>& records) {
    Sets sets;
    Json polls = Json::array();
    for (const auto& record : records)
        polls.push_back(to_json(record, sets));
    const Json batch{{"sets", std::move(sets).json()}, {"polls", std::move(polls)}};
    return batch.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace vitals::core
