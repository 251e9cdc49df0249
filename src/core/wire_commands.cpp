// The lines from the collector to a prober; wire.cpp has those back.
#include <algorithm>
#include <limits>
#include <utility>

#include "core/json_fields.h"
#include "core/line_reader.h"
#include "core/metric_group_json.h"
#include "core/wire.h"

namespace vitals::core {

namespace {

// --- encoding -------------------------------------------------------------------------------------------------------

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

// --- decoding -------------------------------------------------------------------------------------------------------

// The text of the tree is wiped by PasswordWiper, the line by who read it. What the library's parser buffered of it on
// the way is not: it has no place to ask for that, and the memory is given back as it is.
Secret secret_of(const Json& json, std::size_t limit) {
    return Secret(checked_text(json, limit));
}

JobKind parse_kind(const Json& json) {
    const auto text = text_of(json, max_metric_name);
    for (const auto kind : {JobKind::poll, JobKind::check, JobKind::probe}) {
        if (text == to_text(kind)) return kind;
    }
    throw WireError("unknown kind of job");
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
    if (const Json* after = fields.find("after")) job.after = count_of(*after);
    const Json* interval = fields.find("interval_s");
    job.interval = std::chrono::seconds{interval == nullptr ? 60 : integer_of<int>(*interval, 1, 86'400)};
    if (const Json* host = fields.find("host")) job.host = text_of(*host, max_text);
    if (const Json* port = fields.find("port")) job.port = integer_of<std::uint16_t>(*port, 0, 65535);
    if (const Json* username = fields.find("username")) job.username = text_of(*username, max_text);
    if (const Json* password = fields.find("password")) job.password = secret_of(*password, max_text);
    if (const Json* login = fields.find("login")) job.login = count_of(*login);
    if (const Json* withheld = fields.find("password_withheld")) job.password_withheld = boolean_of(*withheld);
    require(!job.password_withheld || (job.password.empty() && job.login > 0),
            "a password is withheld of a login that has a number, and not told");
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
    if (const Json* series = fields.find("series")) {
        for (const auto& element : array_of(*series, 0, max_known_series)) {
            array_of(element, 2, 2);
            job.series.push_back({count_of(element[0]), integer_of<std::size_t>(element[1], 1, max_values)});
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
    if (job.after > 0) json["after"] = job.after;
    if (job.login > 0) json["login"] = job.login;
    if (job.password_withheld) json["password_withheld"] = true;
    if (job.groups) json["groups"] = *job.groups;
    for (const auto& series : job.series)
        json["series"].push_back(Json::array({series.number, series.count}));
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

std::string encode(const Withdraw& /*withdraw*/) {
    return dump({{"withdraw", true}});
}

std::string encode(const Define& define) {
    Json json{{"define", define.connector}, {"groups", define.groups}};
    if (define.reset) json["reset"] = true;
    if (define.group) json["group"] = json_of(*define.group);
    return dump(json);
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
    if (const Json* withdraw = fields.find("withdraw")) {
        require(boolean_of(*withdraw), "nothing is withdrawn");
        fields.done();
        return Withdraw{};
    }
    if (const Json* connector = fields.find("define")) return parse_define(fields, *connector);
    return parse_job(fields);
}

}  // namespace vitals::core
