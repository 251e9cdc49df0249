#include "core/wire.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

namespace vitals::core {

namespace {

using Json = nlohmann::json;

// --- encoding -------------------------------------------------------------------------------------------------------

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20U || c == 0x7F;
}

// What a server sent may not be UTF-8; the library's replacement on the way out decides what stands instead.
std::string valid_utf8(std::string_view text) {
    const bool ascii =
        std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80U; });
    if (ascii) return std::string(text);
    return Json::parse(dump(Json(text))).get<std::string>();
}

// NUL cannot be stored by PostgreSQL and line breaks have no place in a message: control characters become blanks.
std::string clean(std::string_view text, std::size_t limit) {
    std::string cleaned = valid_utf8(text.substr(0, limit));
    if (cleaned.size() > limit || text.size() > limit) {
        std::size_t cut = std::min(limit, cleaned.size());
        while (cut > 0 && cut < cleaned.size() && (static_cast<unsigned char>(cleaned[cut]) & 0xC0U) == 0x80U)
            --cut;
        cleaned.resize(cut);
    }
    std::replace_if(cleaned.begin(), cleaned.end(), is_control, ' ');
    return cleaned;
}

Json number_or_null(const std::optional<double>& value) {
    if (!value || !std::isfinite(*value)) return nullptr;
    return *value;
}

// Names that differ only in what had to be cleaned become the same, and the first one stays.
Json encode_values(const std::vector<Value>& values) {
    Json json = Json::array();
    std::set<std::pair<std::string, std::string>> seen;
    for (const auto& value : values) {
        if (json.size() == max_values) break;
        const auto [name, is_new] =
            seen.emplace(clean(value.metric, max_metric_name), clean(value.instance, max_instance_name));
        if (!is_new || name->first.empty()) continue;
        json.push_back(Json::array({name->first, number_or_null(value.value)}));
        if (!name->second.empty()) json.back().push_back(name->second);
    }
    return json;
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
        if (facts.size() == max_checks) break;
        facts[clean(key, max_metric_name)] = clean(value, max_text);
    }
    return facts;
}

// Every field keeps its limit, but all at once may exceed that of the line: the last values and then the last checks
// are left out. The rest always fits.
bool shorten(Json& json) {
    for (const auto* name : {"values", "checks"}) {
        const auto list = json.find(name);
        if (list == json.end() || list->empty()) continue;
        list->erase(list->begin() + static_cast<Json::difference_type>(list->size() / 2), list->end());
        return true;
    }
    return json.erase("facts") > 0;
}

Json encode_failure(const Failure& failure) {
    return {{"class", to_text(failure.error_class)},
            {"number", failure.number},
            {"message", clean(failure.message, max_text)}};
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

// --- decoding -------------------------------------------------------------------------------------------------------

void require(bool condition, const char* rule) {
    if (!condition) throw WireError(rule);
}

// An object whose every field is asked for exactly by name; what was not asked for is an error.
class Fields {
  public:
    explicit Fields(const Json& json) : json_(json) { require(json.is_object(), "not an object"); }

    const Json* find(const char* name) {
        const auto found = json_.find(name);
        if (found == json_.end()) return nullptr;
        ++seen_;
        return &*found;
    }

    const Json& get(const char* name) {
        const Json* found = find(name);
        require(found != nullptr, "a required field is missing");
        return *found;
    }

    void done() const { require(seen_ == json_.size(), "unknown field"); }

  private:
    const Json& json_;
    std::size_t seen_ = 0;
};

const std::string& checked_text(const Json& json, std::size_t limit) {
    require(json.is_string(), "a text is expected");
    const auto& text = json.get_ref<const std::string&>();
    require(text.size() <= limit, "a text is too long");
    require(text.find('\0') == std::string::npos, "a text contains NUL");
    return text;
}

std::string text_of(const Json& json, std::size_t limit) {
    return checked_text(json, limit);
}

// Without a copy on the way that nobody wipes.
Secret secret_of(const Json& json, std::size_t limit) {
    return Secret(checked_text(json, limit));
}

// Of a report: encode() leaves no control character in any, and they would break lines of the log.
std::string printable_of(const Json& json, std::size_t limit) {
    std::string text = text_of(json, limit);
    require(std::none_of(text.begin(), text.end(), is_control), "a text contains control characters");
    return text;
}

template <typename Integer>
Integer integer_of(const Json& json, Integer least, Integer most) {
    require(json.is_number_integer(), "an integer is expected");
    if (json.is_number_unsigned()) {
        const auto value = json.get<std::uint64_t>();
        require(std::cmp_less_equal(value, most) && std::cmp_greater_equal(value, least), "an integer is out of range");
        return static_cast<Integer>(value);
    }
    const auto value = json.get<std::int64_t>();
    require(std::cmp_less_equal(value, most) && std::cmp_greater_equal(value, least), "an integer is out of range");
    return static_cast<Integer>(value);
}

double finite_of(const Json& json) {
    require(json.is_number(), "a number is expected");
    const auto value = json.get<double>();
    require(std::isfinite(value), "a number is not finite");
    return value;
}

bool boolean_of(const Json& json) {
    require(json.is_boolean(), "a boolean is expected");
    return json.get<bool>();
}

const Json& array_of(const Json& json, std::size_t least, std::size_t most) {
    require(json.is_array() && json.size() >= least && json.size() <= most, "an array of another size is expected");
    return json;
}

std::map<std::string, std::string> text_map_of(const Json& json) {
    require(json.is_object() && json.size() <= max_options, "a small object is expected");
    std::map<std::string, std::string> map;
    for (const auto& [key, value] : json.items()) {
        require(key.size() <= max_metric_name && key.find('\0') == std::string::npos, "a key is too long");
        map.emplace(key, text_of(value, max_text));
    }
    return map;
}

Value parse_value(const Json& json) {
    array_of(json, 2, 3);
    Value value;
    value.metric = printable_of(json[0], max_metric_name);
    require(!value.metric.empty(), "a metric has no name");
    if (!json[1].is_null()) value.value = finite_of(json[1]);
    if (json.size() == 3) value.instance = printable_of(json[2], max_instance_name);
    return value;
}

std::vector<Value> parse_values(const Json& json) {
    std::vector<Value> values;
    std::set<std::pair<std::string, std::string>> seen;
    for (const auto& element : array_of(json, 0, max_values)) {
        values.push_back(parse_value(element));
        require(seen.emplace(values.back().metric, values.back().instance).second, "a value is given twice");
    }
    return values;
}

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

Failure parse_failure(const Json& json) {
    Fields fields(json);
    Failure failure;
    const auto error_class = error_class_from_text(text_of(fields.get("class"), max_metric_name));
    require(error_class.has_value(), "unknown error class");
    failure.error_class = *error_class;
    failure.number =
        integer_of<int>(fields.get("number"), std::numeric_limits<int>::min(), std::numeric_limits<int>::max());
    failure.message = printable_of(fields.get("message"), max_text);
    fields.done();
    return failure;
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

Result parse_result(Fields& fields) {
    Result result;
    result.job = integer_of<std::uint64_t>(fields.get("job"), 0, std::numeric_limits<std::uint64_t>::max());
    result.outcome = parse_outcome(fields.get("outcome"));
    if (const Json* failure = fields.find("error")) result.failure = parse_failure(*failure);
    require(result.failure.has_value() == (result.outcome != Outcome::ok), "outcome and error disagree");
    result.duration_ms = finite_of(fields.get("duration_ms"));
    require(result.duration_ms >= 0, "a duration is negative");
    if (const Json* interval = fields.find("interval_ms")) result.interval_ms = finite_of(*interval);
    if (const Json* values = fields.find("values")) result.values = parse_values(*values);
    if (const Json* checks = fields.find("checks")) result.checks = parse_checks(*checks);
    if (const Json* facts = fields.find("facts")) result.facts = parse_facts(*facts);
    fields.done();
    return result;
}

Hello parse_hello(Fields& fields) {
    Hello hello;
    require(fields.get("hello") == "vitals_prober", "not a prober");
    hello.version = printable_of(fields.get("version"), max_metric_name);
    for (const auto& element : array_of(fields.get("sandbox_missing"), 0, max_checks)) {
        hello.sandbox_missing.push_back(printable_of(element, max_metric_name));
    }
    fields.done();
    return hello;
}

Job parse_job(Fields& fields) {
    Job job;
    job.id = integer_of<std::uint64_t>(fields.get("job"), 0, std::numeric_limits<std::uint64_t>::max());
    if (const Json* kind = fields.find("kind")) {
        const auto text = text_of(*kind, max_metric_name);
        require(text == "poll" || text == "check", "unknown kind of job");
        job.kind = text == "check" ? JobKind::check : JobKind::poll;
    }
    job.connector = text_of(fields.get("connector"), max_metric_name);
    if (const Json* target = fields.find("target")) job.target = text_of(*target, max_metric_name);
    const Json* deadline = fields.find("deadline_ms");
    job.deadline = std::chrono::milliseconds{deadline == nullptr ? 5000 : integer_of<int>(*deadline, 1, 3'600'000)};
    const Json* interval = fields.find("interval_s");
    job.interval = std::chrono::seconds{interval == nullptr ? 60 : integer_of<int>(*interval, 1, 86'400)};
    if (const Json* host = fields.find("host")) job.host = text_of(*host, max_text);
    if (const Json* port = fields.find("port")) job.port = integer_of<std::uint16_t>(*port, 0, 65535);
    if (const Json* username = fields.find("username")) job.username = text_of(*username, max_text);
    if (const Json* password = fields.find("password")) job.password = secret_of(*password, max_text);
    if (const Json* options = fields.find("options")) {
        auto map = text_map_of(*options);
        job.options = Options(map.begin(), map.end());
    }
    if (const Json* metrics = fields.find("metrics")) {
        for (const auto& element : array_of(*metrics, 0, max_values)) {
            job.metrics.push_back(text_of(element, max_metric_name));
        }
    }
    fields.done();
    return job;
}

Json parse_line(std::string_view line, std::size_t limit) {
    require(line.size() <= limit, "a line is too long");
    // Depth is bounded by the callback: no field of the protocol nests deeper than this.
    const auto shallow = [](int depth, Json::parse_event_t, Json&) {
        require(depth <= 8, "nested too deep");
        return true;
    };
    try {
        return Json::parse(line.begin(), line.end(), shallow);
    } catch (const Json::exception&) {
        throw WireError("not JSON");
    }
}

// Wipes the password of a job, also of one that breaks a rule.
class PasswordWiper {
  public:
    explicit PasswordWiper(Json& json) : json_(json) {}
    PasswordWiper(const PasswordWiper&) = delete;
    PasswordWiper& operator=(const PasswordWiper&) = delete;
    // Nothing of this throws for an object. NOLINTNEXTLINE(bugprone-exception-escape)
    ~PasswordWiper() {
        if (!json_.is_object()) return;
        const auto password = json_.find("password");
        if (password == json_.end()) return;
        if (auto* text = password->get_ptr<std::string*>()) wipe_text(*text);
    }

  private:
    Json& json_;
};

}  // namespace

std::string encode(const Job& job) {
    Json json{{"job", job.id},
              {"kind", job.kind == JobKind::check ? "check" : "poll"},
              {"connector", job.connector},
              {"target", job.target},
              {"deadline_ms", job.deadline.count()},
              {"interval_s", job.interval.count()},
              {"host", job.host},
              {"port", job.port},
              {"username", job.username},
              {"options", job.options},
              {"metrics", job.metrics}};
    if (!job.password.empty()) json["password"] = job.password.reveal();
    const PasswordWiper wiper(json);
    std::string line = dump(json);
    return line;
}

std::string encode(const Forget& forget) {
    return dump({{"forget", forget.target}});
}

std::string encode(const Result& result) {
    Json json{{"job", result.job},
              {"outcome", to_text(result.outcome)},
              {"duration_ms", std::isfinite(result.duration_ms) ? std::max(result.duration_ms, 0.0) : 0.0}};
    if (result.outcome != Outcome::ok) json["error"] = encode_failure(result.failure.value_or(Failure{}));
    if (const Json interval = number_or_null(result.interval_ms); !interval.is_null()) json["interval_ms"] = interval;
    if (!result.values.empty()) json["values"] = encode_values(result.values);
    if (!result.checks.empty()) json["checks"] = checks_of(result);
    if (!result.facts.empty()) json["facts"] = facts_of(result);
    std::string line = dump(json);
    while (line.size() > max_result_line && shorten(json))
        line = dump(json);
    return line;
}

std::string encode(const Hello& hello) {
    return dump({{"hello", "vitals_prober"}, {"version", hello.version}, {"sandbox_missing", hello.sandbox_missing}});
}

std::string encode_checks(const Result& result) {
    return dump(checks_of(result));
}

ProberCommand parse_command(std::string_view line) {
    Json json = parse_line(line, max_job_line);
    const PasswordWiper wiper(json);
    Fields fields(json);
    if (const Json* forget = fields.find("forget")) {
        Forget command{text_of(*forget, max_metric_name)};
        fields.done();
        return command;
    }
    return parse_job(fields);
}

ProberReport parse_report(std::string_view line) {
    const Json json = parse_line(line, max_result_line);
    Fields fields(json);
    if (json.contains("hello")) return parse_hello(fields);
    return parse_result(fields);
}

}  // namespace vitals::core
