#include "core/wire.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <deque>
#include <limits>
#include <set>
#include <unordered_set>
#include <utility>

#include "core/json_fields.h"
#include "core/line_reader.h"

namespace vitals::core {

namespace {

// Beside the defined groups some that a connector reads for itself.
constexpr std::size_t max_group_statuses = max_groups + 8;

constexpr std::array<std::pair<GroupState, std::string_view>, 5> group_states{{
    {GroupState::ok, "ok"},
    {GroupState::failed, "failed"},
    {GroupState::denied, "denied"},
    {GroupState::yielded, "yielded"},
    {GroupState::absent, "absent"},
}};

bool has_failure(GroupState state) {
    return state != GroupState::ok && state != GroupState::absent;
}

// --- encoding -------------------------------------------------------------------------------------------------------

Json number_or_null(const std::optional<double>& value) {
    if (!value || !std::isfinite(*value)) return nullptr;
    return *value;
}

// The series of a result, as views of texts that stay where they are.
using SeriesName = std::pair<std::string_view, std::string_view>;
struct SeriesHash {
    std::size_t operator()(const SeriesName& name) const noexcept {
        const std::hash<std::string_view> hash;
        return hash(name.first) * 31 + hash(name.second);
    }
};
using SeriesNames = std::unordered_set<SeriesName, SeriesHash>;

// A view of the text, where it has to be cleaned of a copy in `copies`.
std::string_view cleaned(std::string_view text, std::size_t limit, std::deque<std::string>& copies) {
    const auto plain = [](char c) { return static_cast<unsigned char>(c) < 0x80U && !is_control(c); };
    if (text.size() <= limit && std::all_of(text.begin(), text.end(), plain)) return text;
    return copies.emplace_back(clean(text, limit));
}

void append_text(std::string& json, std::string_view text) {
    if (text.find_first_of("\"\\") != std::string_view::npos) {
        json += dump(Json(text));
        return;
    }
    json += '"';
    json += text;
    json += '"';
}

void append_number(std::string& json, const std::optional<double>& value) {
    if (!value || !std::isfinite(*value)) {
        json += "null";
        return;
    }
    std::array<char, 32> digits{};
    json.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), *value).ptr);
}

// The list of values, most of every result, is written without a tree of its parts. Names that differ only in what had
// to be cleaned become the same, and the first one stays.
class EncodedValues {
  public:
    explicit EncodedValues(const std::vector<Value>& values) {
        std::deque<std::string> copies;
        SeriesNames seen;
        seen.reserve(values.size());
        ends_.reserve(values.size());
        for (const auto& value : values) {
            if (ends_.size() == max_values) {
                more_ = true;
                break;
            }
            const SeriesName name{cleaned(value.metric, max_metric_name, copies),
                                  cleaned(value.instance, max_instance_name, copies)};
            if (!name.first.empty() && seen.insert(name).second) append(name, value.value);
        }
    }

    [[nodiscard]] std::size_t count() const noexcept { return ends_.size(); }
    // Whether there were more than a result may have.
    [[nodiscard]] bool more() const noexcept { return more_; }
    // The first `count` of them, as elements of an array.
    [[nodiscard]] std::string_view text(std::size_t count) const noexcept {
        return count == 0 ? std::string_view() : std::string_view(text_).substr(0, ends_[count - 1]);
    }

  private:
    void append(const SeriesName& name, const std::optional<double>& value) {
        text_ += ends_.empty() ? "[" : ",[";
        append_text(text_, name.first);
        text_ += ',';
        append_number(text_, value);
        if (!name.second.empty()) {
            text_ += ',';
            append_text(text_, name.second);
        }
        text_ += ']';
        ends_.push_back(text_.size());
    }

    std::string text_;
    std::vector<std::size_t> ends_;  // where each of them ends
    bool more_ = false;
};

std::string encode_numbers(const std::vector<double>& numbers) {
    constexpr std::size_t usual_size = 12;
    std::string text;
    text.reserve(usual_size * numbers.size());
    for (const double number : numbers) {
        if (!text.empty()) text += ',';
        append_number(text, number);
    }
    return text;
}

// A line with one more field, a list.
std::string with_list(std::string line, std::string_view name, std::string_view elements) {
    line.reserve(line.size() + name.size() + elements.size() + 8);
    line.pop_back();
    line += ",\"";
    line += name;
    line += "\":[";
    line += elements;
    line += "]}";
    return line;
}

Json encode_check(const Check& check) {
    return Json::array(
        {clean(check.check, max_metric_name), check.ok, clean(check.detail, max_text), clean(check.remedy, max_text)});
}

Json checks_of(const Result& result) {
    Json checks = Json::array();
    for (const auto& check : result.checks) {
        if (checks.size() == max_checks) break;
        checks.push_back(encode_check(check));
    }
    return checks;
}

Json facts_of(const Result& result) {
    Json facts = Json::object();
    for (const auto& [key, value] : result.facts) {
        if (facts.size() == max_options) break;
        facts[clean(key, max_metric_name)] = clean(value, max_text);
    }
    return facts;
}

// Every field keeps its limit, but all at once may exceed that of the line: the last values and then the last checks
// are left out. The rest always fits.
bool shorten(Json& json) {
    const auto checks = json.find("checks");
    if (checks == json.end() || checks->empty()) return json.erase("facts") > 0;
    checks->erase(checks->begin() + static_cast<Json::difference_type>(checks->size() / 2), checks->end());
    return true;
}

Json encode_failure(const Failure& failure) {
    return {{"class", to_text(failure.error_class)},
            {"number", failure.number},
            {"message", clean(failure.message, max_text)}};
}

Json encode_groups(const std::vector<GroupStatus>& groups) {
    Json json = Json::array();
    std::set<std::string> seen;
    for (const auto& group : groups) {
        if (json.size() == max_group_statuses) break;
        const auto [name, is_new] = seen.insert(clean(group.name, max_metric_name));
        if (!is_new || name->empty()) continue;
        const double duration = std::isfinite(group.duration_ms) ? std::max(group.duration_ms, 0.0) : 0.0;
        json.push_back(Json::array({*name, to_text(group.state), duration, group.rows, group.data_bytes}));
        if (!has_failure(group.state)) continue;
        const Failure failure = group.failure.value_or(Failure{});
        json.back().push_back(to_text(failure.error_class));
        json.back().push_back(failure.number);
        json.back().push_back(clean(failure.message, max_group_message));
    }
    return json;
}

std::string_view to_text(Outcome outcome) {
    switch (outcome) {
        case Outcome::ok:
            return "ok";
        case Outcome::partial:
            return "partial";
        case Outcome::failed:
            break;
    }
    return "failed";
}

// Values are missing although all was read: whoever looks at the result is told so.
void mark_as_cut(Json& json) {
    if (json.contains("error")) return;
    json["outcome"] = to_text(Outcome::partial);
    json["error"] = encode_failure(
        {ErrorClass::protocol, 0, "there were more values than one result may carry, and the last ones are left out"});
}

// --- decoding -------------------------------------------------------------------------------------------------------

std::vector<Check> parse_checks(const Json& json) {
    std::vector<Check> checks;
    for (const auto& element : array_of(json, 0, max_checks)) {
        array_of(element, 4, 4);
        checks.push_back({.check = printable_of(element[0], max_metric_name),
                          .ok = boolean_of(element[1]),
                          .detail = printable_of(element[2], max_text),
                          .remedy = printable_of(element[3], max_text)});
    }
    return checks;
}

Failure failure_of(const Json& error_class, const Json& number, const Json& message, std::size_t limit) {
    const auto known = error_class_from_text(text_of(error_class, max_metric_name));
    require(known.has_value(), "unknown error class");
    return {*known, integer_of<int>(number, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()),
            printable_of(message, limit)};
}

Failure parse_failure(const Json& json) {
    Fields fields(json);
    Failure failure = failure_of(fields.get("class"), fields.get("number"), fields.get("message"), max_text);
    fields.done();
    return failure;
}

double duration_of(const Json& json) {
    const double duration = finite_of(json);
    require(duration >= 0, "a duration is negative");
    return duration;
}

std::vector<GroupStatus> parse_groups(const Json& json) {
    std::vector<GroupStatus> groups;
    std::set<std::string> seen;
    for (const auto& element : array_of(json, 0, max_group_statuses)) {
        array_of(element, 5, 8);
        GroupStatus& group = groups.emplace_back();
        group.name = printable_of(element[0], max_metric_name);
        require(!group.name.empty() && seen.insert(group.name).second, "a group has no name, or is given twice");
        const auto state = group_state_from_text(text_of(element[1], max_metric_name));
        require(state.has_value(), "unknown state of a group");
        group.state = *state;
        group.duration_ms = duration_of(element[2]);
        group.rows = count_of(element[3]);
        group.data_bytes = count_of(element[4]);
        require(element.size() == (has_failure(group.state) ? 8 : 5), "state and error of a group disagree");
        if (element.size() == 8) group.failure = failure_of(element[5], element[6], element[7], max_group_message);
    }
    return groups;
}

Outcome parse_outcome(const Json& json) {
    const auto text = text_of(json, max_metric_name);
    for (const auto outcome : {Outcome::ok, Outcome::partial, Outcome::failed}) {
        if (text == to_text(outcome)) return outcome;
    }
    throw WireError("unknown outcome");
}

std::map<std::string, std::string> parse_facts(const Json& json) {
    auto facts = text_map_of(json);
    for (const auto& [key, value] : facts) {
        require(
            std::none_of(key.begin(), key.end(), is_control) && std::none_of(value.begin(), value.end(), is_control),
            "a text contains control characters");
    }
    return facts;
}

// What the values of a result are of, beside their names or instead of them.
void parse_series(Fields& fields, const ParsedReport& report, Result& result) {
    const Json* number = fields.find("series");
    require(!report.has_numbers || (number != nullptr && !report.has_values),
            "numbers need a list of names, and no other");
    if (number == nullptr) return;
    result.without_names = report.has_numbers;
    result.series = {.number = count_of(*number),
                     .count = report.has_numbers ? result.numbers.size() : result.values.size()};
    require(result.series->count > 0, "an empty list of names");
}

Result parse_result(Fields& fields, ParsedReport& report) {
    Result result;
    result.job = count_of(fields.get("job"));
    result.outcome = parse_outcome(fields.get("outcome"));
    if (const Json* failure = fields.find("error")) result.failure = parse_failure(*failure);
    require(result.failure.has_value() == (result.outcome != Outcome::ok), "outcome and error disagree");
    result.duration_ms = duration_of(fields.get("duration_ms"));
    if (const Json* waited = fields.find("waited_ms")) result.waited_ms = duration_of(*waited);
    if (const Json* unbegun = fields.find("unbegun")) result.unbegun = boolean_of(*unbegun);
    if (const Json* needs = fields.find("needs_password")) result.needs_password = boolean_of(*needs);
    if (const Json* interval = fields.find("interval_ms")) result.interval_ms = finite_of(*interval);
    if (const Json* login = fields.find("login_ms")) result.login_ms = duration_of(*login);
    if (const Json* query = fields.find("query_ms")) result.query_ms = duration_of(*query);
    if (const Json* bytes = fields.find("bytes")) result.bytes = count_of(*bytes);
    if (const Json* round_trips = fields.find("round_trips")) result.round_trips = count_of(*round_trips);
    if (const Json* groups = fields.find("groups")) result.groups = parse_groups(*groups);
    if (const Json* checks = fields.find("checks")) result.checks = parse_checks(*checks);
    if (const Json* facts = fields.find("facts")) result.facts = parse_facts(*facts);
    result.values = std::move(report.values);
    result.numbers = std::move(report.numbers);
    parse_series(fields, report, result);
    fields.done();
    return result;
}

Hello parse_hello(Fields& fields) {
    Hello hello;
    require(fields.get("hello") == "vitals_prober", "not a prober");
    hello.version = printable_of(fields.get("version"), max_metric_name);
    for (const auto& element : array_of(fields.get("sandbox_missing"), 0, max_options)) {
        hello.sandbox_missing.push_back(printable_of(element, max_metric_name));
    }
    fields.done();
    return hello;
}

}  // namespace

namespace {

// All but the values.
Json fields_of(const Result& result) {
    Json json{{"job", result.job},
              {"outcome", to_text(result.outcome)},
              {"duration_ms", std::isfinite(result.duration_ms) ? std::max(result.duration_ms, 0.0) : 0.0}};
    if (result.outcome != Outcome::ok) json["error"] = encode_failure(result.failure.value_or(Failure{}));
    if (result.waited_ms > 0 && std::isfinite(result.waited_ms)) json["waited_ms"] = result.waited_ms;
    if (result.unbegun) json["unbegun"] = true;
    if (result.needs_password) json["needs_password"] = true;
    if (const Json interval = number_or_null(result.interval_ms); !interval.is_null()) json["interval_ms"] = interval;
    if (result.login_ms > 0 && std::isfinite(result.login_ms)) json["login_ms"] = result.login_ms;
    if (result.query_ms > 0 && std::isfinite(result.query_ms)) json["query_ms"] = result.query_ms;
    if (result.bytes > 0) json["bytes"] = result.bytes;
    if (result.round_trips > 0) json["round_trips"] = result.round_trips;
    if (!result.groups.empty()) json["groups"] = encode_groups(result.groups);
    if (!result.checks.empty()) json["checks"] = checks_of(result);
    if (!result.facts.empty()) json["facts"] = facts_of(result);
    if (result.series) json["series"] = result.series->number;
    return json;
}

}  // namespace

std::string encode(const Result& result) {
    Json json = fields_of(result);
    std::string line = dump(json);
    if (result.without_names) {
        std::string short_line = with_list(line, "numbers", encode_numbers(result.numbers));
        if (short_line.size() <= max_result_line) return short_line;
    }
    const EncodedValues values(result.values);
    std::size_t count = values.count();
    if (values.more()) mark_as_cut(json);
    // Names that are not all sent are not to be remembered.
    if (count == 0 || count < result.values.size()) json.erase("series");
    line = dump(json);
    constexpr std::size_t brackets = 16;
    while (line.size() + values.text(count).size() + brackets > max_result_line) {
        if (count > 0) {
            count /= 2;
            mark_as_cut(json);
            json.erase("series");
        } else if (!shorten(json)) {
            break;
        }
        line = dump(json);
    }
    return count == 0 ? line : with_list(std::move(line), "values", values.text(count));
}

std::string encode(const Hello& hello) {
    return dump({{"hello", "vitals_prober"}, {"version", hello.version}, {"sandbox_missing", hello.sandbox_missing}});
}

std::string_view to_text(GroupState state) noexcept {
    const auto* found =
        std::find_if(group_states.begin(), group_states.end(), [&](const auto& entry) { return entry.first == state; });
    return found->second;
}

std::optional<GroupState> group_state_from_text(std::string_view text) noexcept {
    const auto* found =
        std::find_if(group_states.begin(), group_states.end(), [&](const auto& entry) { return entry.second == text; });
    return found != group_states.end() ? std::optional(found->first) : std::nullopt;
}

std::string encode_checks(const Result& result) {
    return dump(checks_of(result));
}

ProberReport parse_report(std::string_view line) {
    ParsedReport report = parse_report_line(line, max_result_line);
    Fields fields(report.fields);
    if (!report.fields.contains("hello")) return parse_result(fields, report);
    require(!report.has_values && !report.has_numbers, "unknown field");
    return parse_hello(fields);
}

}  // namespace vitals::core
