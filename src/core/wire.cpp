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
#include "core/metric_group_json.h"

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

// A byte of a JSON text at most: \u001f.
constexpr std::size_t longest_escape = 6;

// The line must have room for it.
void append_secret(std::string& line, const Secret& secret) {
    constexpr std::string_view digits = "0123456789abcdef";
    line += '"';
    for (std::string_view rest = secret.reveal(); !rest.empty();) {
        const std::size_t size = character_size(rest);
        const char c = rest.front();
        if (size == 0) {
            line += "\\ufffd";
        } else if (is_control(c)) {
            line += "\\u00";
            line += {digits[static_cast<unsigned char>(c) >> 4U], digits[static_cast<unsigned char>(c) & 0xFU]};
        } else {
            if (c == '"' || c == '\\') line += '\\';
            line += rest.substr(0, size);
        }
        rest.remove_prefix(std::max<std::size_t>(size, 1));
    }
    line += '"';
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

std::string_view to_text(JobKind kind) {
    switch (kind) {
        case JobKind::check:
            return "check";
        case JobKind::probe:
            return "probe";
        case JobKind::poll:
            break;
    }
    return "poll";
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

// The text of the tree is wiped by PasswordWiper, the line by who read it. What the library's parser buffered of it on
// the way is not: it has no place to ask for that, and the memory is given back as it is.
Secret secret_of(const Json& json, std::size_t limit) {
    return Secret(checked_text(json, limit));
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

std::uint64_t count_of(const Json& json) {
    return integer_of<std::uint64_t>(json, 0, std::numeric_limits<std::uint64_t>::max());
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

JobKind parse_kind(const Json& json) {
    const auto text = text_of(json, max_metric_name);
    for (const auto kind : {JobKind::poll, JobKind::check, JobKind::probe}) {
        if (text == to_text(kind)) return kind;
    }
    throw WireError("unknown kind of job");
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

Result parse_result(Fields& fields, std::vector<Value>&& values) {
    Result result;
    result.job = count_of(fields.get("job"));
    result.outcome = parse_outcome(fields.get("outcome"));
    if (const Json* failure = fields.find("error")) result.failure = parse_failure(*failure);
    require(result.failure.has_value() == (result.outcome != Outcome::ok), "outcome and error disagree");
    result.duration_ms = duration_of(fields.get("duration_ms"));
    if (const Json* interval = fields.find("interval_ms")) result.interval_ms = finite_of(*interval);
    if (const Json* login = fields.find("login_ms")) result.login_ms = duration_of(*login);
    if (const Json* query = fields.find("query_ms")) result.query_ms = duration_of(*query);
    if (const Json* bytes = fields.find("bytes")) result.bytes = count_of(*bytes);
    if (const Json* round_trips = fields.find("round_trips")) result.round_trips = count_of(*round_trips);
    if (const Json* groups = fields.find("groups")) result.groups = parse_groups(*groups);
    if (const Json* checks = fields.find("checks")) result.checks = parse_checks(*checks);
    if (const Json* facts = fields.find("facts")) result.facts = parse_facts(*facts);
    result.values = std::move(values);
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

Job parse_job(Fields& fields) {
    Job job;
    job.id = integer_of<std::uint64_t>(fields.get("job"), 0, std::numeric_limits<std::uint64_t>::max());
    if (const Json* kind = fields.find("kind")) {
        job.kind = parse_kind(*kind);
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
        for (const auto& element : array_of(*metrics, 0, max_wanted)) {
            job.metrics.push_back(text_of(element, max_metric_name));
        }
    }
    if (const Json* groups = fields.find("groups")) {
        job.groups.emplace();
        for (const auto& element : array_of(*groups, 0, max_groups)) {
            job.groups->push_back(text_of(element, max_metric_name));
        }
    }
    fields.done();
    return job;
}

Define parse_define(Fields& fields, const Json& connector) {
    Define define;
    define.connector = text_of(connector, max_metric_name);
    define.groups = integer_of<std::size_t>(fields.get("groups"), 0, max_groups);
    if (const Json* reset = fields.find("reset")) define.reset = boolean_of(*reset);
    if (const Json* group = fields.find("group")) define.group = metric_group_of(*group);
    require(define.group.has_value() == (define.groups > 0), "a definition has no group");
    fields.done();
    return define;
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
              {"kind", to_text(job.kind)},
              {"connector", job.connector},
              {"target", job.target},
              {"deadline_ms", job.deadline.count()},
              {"interval_s", job.interval.count()},
              {"host", job.host},
              {"port", job.port},
              {"username", job.username},
              {"options", job.options},
              {"metrics", job.metrics}};
    if (job.groups) json["groups"] = *job.groups;
    std::string line = dump(json);
    if (job.password.empty()) return line;
    // Beside the library, which copies through buffers that nobody wipes, and without a move of the line.
    constexpr std::string_view field = ",\"password\":";
    line.reserve(line.size() + field.size() + longest_escape * job.password.reveal().size() + 2);
    line.pop_back();
    line += field;
    append_secret(line, job.password);
    line += '}';
    return line;
}

std::string encode(const Forget& forget) {
    return dump({{"forget", forget.target}});
}

std::string encode(const Define& define) {
    Json json{{"define", define.connector}, {"groups", define.groups}};
    if (define.reset) json["reset"] = true;
    if (define.group) json["group"] = json_of(*define.group);
    return dump(json);
}

std::string encode(const Result& result) {
    Json json{{"job", result.job},
              {"outcome", to_text(result.outcome)},
              {"duration_ms", std::isfinite(result.duration_ms) ? std::max(result.duration_ms, 0.0) : 0.0}};
    if (result.outcome != Outcome::ok) json["error"] = encode_failure(result.failure.value_or(Failure{}));
    if (const Json interval = number_or_null(result.interval_ms); !interval.is_null()) json["interval_ms"] = interval;
    if (result.login_ms > 0 && std::isfinite(result.login_ms)) json["login_ms"] = result.login_ms;
    if (result.query_ms > 0 && std::isfinite(result.query_ms)) json["query_ms"] = result.query_ms;
    if (result.bytes > 0) json["bytes"] = result.bytes;
    if (result.round_trips > 0) json["round_trips"] = result.round_trips;
    if (!result.groups.empty()) json["groups"] = encode_groups(result.groups);
    if (!result.checks.empty()) json["checks"] = checks_of(result);
    if (!result.facts.empty()) json["facts"] = facts_of(result);
    const EncodedValues values(result.values);
    constexpr std::string_view values_field = ",\"values\":[";
    std::size_t count = values.count();
    if (values.more()) mark_as_cut(json);
    std::string line = dump(json);
    while (line.size() + values_field.size() + values.text(count).size() + 1 > max_result_line) {
        if (count > 0) {
            count /= 2;
            mark_as_cut(json);
        } else if (!shorten(json)) {
            break;
        }
        line = dump(json);
    }
    if (count == 0) return line;
    line.pop_back();
    line += values_field;
    line += values.text(count);
    line += "]}";
    return line;
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

ProberCommand parse_command(std::string_view line) {
    Json json = parse_line(line, max_job_line);
    const PasswordWiper wiper(json);
    Fields fields(json);
    if (const Json* forget = fields.find("forget")) {
        Forget command{text_of(*forget, max_metric_name)};
        fields.done();
        return command;
    }
    if (const Json* connector = fields.find("define")) return parse_define(fields, *connector);
    return parse_job(fields);
}

ProberReport parse_report(std::string_view line) {
    ParsedReport report = parse_report_line(line, max_result_line);
    Fields fields(report.fields);
    if (!report.fields.contains("hello")) return parse_result(fields, std::move(report.values));
    require(!report.has_values, "unknown field");
    return parse_hello(fields);
}

}  // namespace vitals::core
