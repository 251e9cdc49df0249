#include "core/poll_record.h"

#include <nlohmann/json.hpp>

namespace vitals::core {

namespace {

using Json = nlohmann::json;

Json to_json(const PollRecord& record) {
    Json json{{"server_key", record.server_key},
              {"collected_at", record.collected_at},
              {"started_at", record.started_at},
              {"next_due_at", record.next_due_at},
              {"old_status", to_text(record.old_status)},
              {"status", to_text(record.status)},
              {"collected", record.collected},
              {"consecutive_failures", record.consecutive_failures},
              {"lag_ms", record.lag_ms},
              {"duration_ms", record.duration_ms},
              {"values", Json::array()}};
    if (record.interval_ms) json["interval_ms"] = *record.interval_ms;
    if (record.failure) {
        json["error"] = {{"class", to_text(record.failure->error_class)},
                         {"number", record.failure->number},
                         {"message", record.failure->message}};
    }
    if (!record.facts.empty()) json["facts"] = record.facts;
    for (const auto& value : record.values) {
        Json element = Json::array({value.metric, nullptr});
        if (value.value) element[1] = *value.value;
        if (!value.instance.empty()) element.push_back(value.instance);
        json["values"].push_back(std::move(element));
    }
    return json;
}

}  // namespace

std::string encode_records(const std::vector<PollRecord>& records) {
    Json json = Json::array();
    for (const auto& record : records)
        json.push_back(to_json(record));
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace vitals::core
