// The line protocol between the collector and a prober: one JSON object a line, in both directions.
// docs/protocol.md describes it for people; this header is the only code that knows its field names.
//
// A prober parses what a hostile server sent and may have been taken over, so the collector treats every line as
// hostile: lengths, counts, types, numbers and text are checked here, and a line that breaks a rule is an error, never
// a guess.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/error_class.h"
#include "core/metric_group.h"
#include "core/secret.h"

namespace vitals::core {

// Limits of the protocol; both sides keep them.
constexpr std::size_t max_job_line = 160 * 1024;  // also of a definition
constexpr std::size_t max_result_line = 1024 * 1024;
constexpr std::size_t max_values = 20'000;
constexpr std::size_t max_known_series = 8;          // lists of names that a job tells
constexpr std::size_t max_wanted = 4000;             // names of metrics and groups in a job
constexpr std::size_t max_checks = max_groups + 32;  // each group with its permission has one
constexpr std::size_t max_options = 64;              // also facts and what a sandbox lacks
constexpr std::size_t max_metric_name = 128;         // bytes
constexpr std::size_t max_instance_name = 512;       // bytes
constexpr std::size_t max_text = 1024;               // bytes: messages, details, remedies
constexpr std::size_t max_group_message = 256;       // bytes

enum class JobKind {
    poll,   // read the metrics
    check,  // test the connection step by step (vitals.test_connection)
    probe,  // is somebody there? Without a login: ok or failed, no values
};

using Options = std::map<std::string, std::string, std::less<>>;

// The list of names of a result's values, in its order. Means something between one prober and its collector alone.
struct SeriesRef {
    std::uint64_t number = 0;
    std::size_t count = 0;  // of names

    bool operator==(const SeriesRef&) const = default;
};

// One piece of work for a prober.
struct Job {
    std::uint64_t id = 0;
    JobKind kind = JobKind::poll;
    std::string connector;  // "mssql", "local"
    std::string target;     // uuid of the server: key of the kept connection and of the predecessor sample
    std::chrono::milliseconds deadline{5000};  // for everything, from the moment it begins
    // Handed over ahead: it begins once the prober has ended so many jobs in all, but checks, and has the place of the
    // last of them. If that takes longer than most_ahead, it comes back unbegun. 0: it begins as its line is read.
    std::uint64_t after = 0;
    std::chrono::seconds interval{60};  // the target's polling interval: bounds how old a predecessor may be
    std::string host;
    std::uint16_t port = 0;
    std::string username;
    Secret password;
    // Says which password is meant: a number of the collector's stands for one login alone. 0: the password does.
    std::uint64_t login = 0;
    // The password is not told, since the connection that the login has should do. Without that the job comes back
    // (Result::needs_password).
    bool password_withheld = false;
    Options options;                   // connector specific, for example "encrypt" -> "require"
    std::vector<std::string> metrics;  // names of metrics or groups that are wanted; empty means all
    // The groups that are due in this cycle, by name, of which the wanted ones run; nothing: all of them.
    std::optional<std::vector<std::string>> groups;
    // Lists of names that the collector knows: a result with one of them has its values without names.
    std::vector<SeriesRef> series;
};

// How long a job that was handed over ahead may wait: what is due goes elsewhere if those before it hang.
constexpr std::chrono::milliseconds most_ahead{1000};

// A connection that was not used for so long is closed: its target was removed, or is polled so rarely that keeping it
// open is a waste on both sides. The password of a target with such an interval is not withheld.
constexpr std::chrono::minutes idle_session{10};

// Takes back what was handed over ahead and has not begun: each comes back unbegun.
struct Withdraw {};

// Tells a prober that a target is gone or stopped: it closes the connection and forgets the predecessor sample.
struct Forget {
    std::string target;
};

// Part of a new set of definitions of a connector: one group of `groups`. The set replaces the one before when its last
// group has come; kept connections stay, and the samples of groups that did not change.
struct Define {
    std::string connector;
    std::size_t groups = 0;
    bool reset = false;                // the first of its set
    std::optional<MetricGroup> group;  // nothing only in a set without groups
};

using ProberCommand = std::variant<Job, Forget, Define, Withdraw>;

// One measured value. No value means: not known (first sample of a rate, restart, gap, no permission); never zero.
struct Value {
    std::string metric;
    std::string instance;  // empty, or for example a disk or interface name
    std::optional<double> value;
};

// One line of the preflight of vitals.test_connection.
struct Check {
    std::string check;
    bool ok = false;
    std::string detail;
    std::string remedy;  // empty where there is nothing to do
};

struct Failure {
    ErrorClass error_class = ErrorClass::internal;
    int number = 0;  // the server's own error number, 0 where there is none
    std::string message;
};

enum class Outcome {
    ok,       // everything that was asked was read
    partial,  // connected, but something could not be read; failure says what
    failed,   // nothing was read; failure says why
};

enum class GroupState {
    ok,
    failed,
    denied,   // no permission; not asked again for a while
    yielded,  // gave way to the server's own work; not a fault
    absent,   // there is no such group in this version or edition
};

// What came of one group that was due.
struct GroupStatus {
    std::string name;
    GroupState state = GroupState::ok;
    double duration_ms = 0;          // from the end of the group before, as its answer arrived
    std::uint64_t rows = 0;          // also those beyond the group's limit
    std::uint64_t data_bytes = 0;    // of the values in these rows, text as UTF-8; not what the network carried
    std::optional<Failure> failure;  // set for failed, denied and yielded alone
};

struct Result {
    std::uint64_t job = 0;
    Outcome outcome = Outcome::failed;
    std::optional<Failure> failure;     // set unless ok
    double duration_ms = 0;             // wall time of the poll in the prober
    double waited_ms = 0;               // of a job that was handed over ahead: before it began
    bool unbegun = false;               // of such a job: it waited too long, or was withdrawn; nothing else is said
    bool needs_password = false;        // of a job without: there is no connection; nothing else is said
    std::optional<double> interval_ms;  // what the rates were computed over, by the target's clock
    double login_ms = 0;                // name lookup, connection and login, as far as it came; 0: was kept
    double query_ms = 0;                // all round trips of the queries
    std::uint64_t bytes = 0;            // sent and received
    std::uint64_t round_trips = 0;      // of queries
    std::vector<GroupStatus> groups;    // kind poll: each group that was due
    std::vector<Value> values;          // kind poll
    // What the names of the values are from now on called; nothing where they are not to be remembered. A result
    // without names is sent with the numbers of its values alone, in the order of that list; not a number: not known.
    std::optional<SeriesRef> series;
    bool without_names = false;
    std::vector<double> numbers;
    std::vector<Check> checks;                 // kind check
    std::map<std::string, std::string> facts;  // about the target: "version", "edition", "encrypted", "clock_skew_ms" …
};

// First line of every prober.
struct Hello {
    std::string version;                       // must equal the collector's own
    std::vector<std::string> sandbox_missing;  // what the kernel did not offer, for example "landlock"
};

using ProberReport = std::variant<Hello, Result>;

// A line that breaks the protocol. what() says which rule, without repeating the line.
class WireError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// Each returns one line without the newline. Text that is too long is cut at a character boundary, invalid UTF-8 and
// control characters are replaced, values that are not finite become null, what exceeds a limit or has no name of its
// own is left out: what is encoded here as a result always parses there.
std::string encode(const Job& job);
std::string encode(const Forget& forget);
std::string encode(const Withdraw& withdraw);
std::string encode(const Define& define);
std::string encode(const Result& result);
std::string encode(const Hello& hello);

// The name on the wire and in SQL, for example "denied"; and the inverse, nothing for an unknown name.
std::string_view to_text(GroupState state) noexcept;
std::optional<GroupState> group_state_from_text(std::string_view text) noexcept;

// The checks alone, as a JSON array of [check, ok, detail, remedy]: what vitals.test_connection unpacks.
std::string encode_checks(const Result& result);

// Throw WireError for whatever does not follow the protocol, also for unknown fields.
ProberCommand parse_command(std::string_view line);
ProberReport parse_report(std::string_view line);

}  // namespace vitals::core
