// What is collected is data: a metric group is one statement (or procedure) whose result becomes metrics. The built-in
// groups are rows of vitals.metric_group_catalogue, a tenant's own are rows of its table metric_groups; the collector
// hands both to the prober as definitions, and the prober's connectors run them. docs/metrics.md describes the model.
//
// A definition comes from a table that a tenant can write, and goes to a prober that runs its SQL with the tenant's own
// login: parse_metric_group() believes nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vitals::core {

// Limits of a definition.
constexpr std::size_t max_groups = 200;             // that a prober keeps: built-in and the tenant's own together
constexpr std::size_t max_group_line = 128 * 1024;  // bytes of one definition as JSON
constexpr std::size_t max_group_metrics = 300;
constexpr std::size_t max_group_sql = 32 * 1024;  // bytes, of one variant
constexpr std::size_t max_group_rows = 5000;

// In the SQL of a variant, at most 8 times.
constexpr std::string_view sources_placeholder = "{{sources}}";

// How a value is made of what is read.
enum class MetricKind {
    gauge,    // the reading
    rate,     // change per second, over the target's clock
    delta,    // change since the sample before
    ratio,    // 100 * reading / base, of the same sample; unknown where the base is 0
    average,  // change of the reading / change of the base; unknown where the base did not change
};

// What becomes of several rows.
enum class Over {
    row,      // a value a row; the labels are the instance
    sum,      // one value, of all rows
    max,      // one value: the greatest (kind gauge and ratio only)
    min,      // one value: the least (kind gauge and ratio only)
    count,    // one value: how many rows; 0 where the statement gave none (kind gauge only)
    category  // a sum a category (see MetricGroup::categories), which is the instance
};

struct GroupMetric {
    std::string name;  // as in metric_types
    MetricKind kind = MetricKind::gauge;
    // Layout columns: the column that is read. Layout rows: "Object\Counter", compared without regard to letter case
    // and to what stands before ":" in the object's name.
    std::string source;
    std::string base;     // the same for the base of ratio and average; empty otherwise
    double factor = 1.0;  // the value is multiplied by it: 8192 makes bytes of pages
    Over over = Over::row;
    // Layout rows: only rows of this instance ("_Total"); "" stands for rows without one; "*" for all but "_Total".
    std::string instance;
    bool skip_ignored = false;  // rows whose category is "ignored" do not count (benign waits)

    bool operator==(const GroupMetric&) const = default;
};

// Which SQL runs where. The first variant that fits is taken; a group without one does not exist on that target.
struct GroupVariant {
    int min_version = 0;  // major version, 11 for SQL Server 2012; Azure SQL Database and MI ignore it
    std::vector<int>
        editions;  // SERVERPROPERTY('EngineEdition'); empty: all but 5 (Azure SQL Database), 6 and 11 (Synapse)
    // One statement. "{{sources}}" becomes the literals N'Counter', N'Base' … of the metrics that are wanted.
    std::string sql;

    bool operator==(const GroupVariant&) const = default;
};

// What happens to a row that was not there in the sample before, see core/rates.h.
enum class NewRows {
    from_zero,  // counts from zero
    own_life,   // unknown until the next sample
};

struct MetricGroup {
    std::string name;  // [a-z][a-z0-9_]{0,62}; not server, sysinfo, cpu_history, session, none
    bool builtin =
        false;  // false: a tenant's own; its SQL is run inside sp_executesql, so that it can only break itself
    std::string permission;  // "VIEW SERVER STATE", "VIEW DATABASE STATE" or text for people; empty: none is needed
    int every = 1;           // runs in every n-th cycle of a server, 1..3600
    std::chrono::milliseconds timeout{0};  // of the statement; 0: the poll's deadline
    std::size_t row_limit = 1000;          // more rows are read over and counted, not used
    bool rows_layout =
        false;  // false: a metric is a column. true: object_name, counter_name, instance_name, cntr_value
    std::vector<std::string> labels;  // columns: their texts, joined with "/", are the instance
    std::vector<std::string> key;     // further columns that tell whether a row is the same as before (create_date)
    NewRows new_rows = NewRows::own_life;
    // First label -> category; "ignored" is a category of its own. Labels that are not here are of category "Other".
    std::map<std::string, std::string, std::less<>> categories;
    std::vector<GroupVariant> variants;
    std::vector<GroupMetric> metrics;

    bool operator==(const MetricGroup&) const = default;
};

// The definition, from and to JSON (docs/protocol.md has the fields). Throws WireError naming the rule that is broken.
MetricGroup parse_metric_group(std::string_view json);
std::string encode_metric_group(const MetricGroup& group);

// All groups of a connector, by name.
using MetricGroups = std::map<std::string, MetricGroup, std::less<>>;

// What a server's metrics_enabled (names of metrics or groups; empty: everything) means for these groups: every group
// with a wanted metric, and which of its metrics those are. Built-in groups come first, then each by name. Points into
// `groups`.
struct WantedGroup {
    const MetricGroup* group = nullptr;
    std::vector<const GroupMetric*> metrics;
};
std::vector<WantedGroup> wanted_groups(const MetricGroups& groups, const std::vector<std::string>& metrics_enabled);

// Whether a group that runs every `every` cycles runs in cycle `cycle` of a server; 0, the first after a start, has
// all. Slow groups run together, so that a server has few different batches, and few sets of series that take turns.
bool runs_in_cycle(const MetricGroup& group, std::uint64_t cycle) noexcept;

// The cycle that follows the first one of a server: another for each, so that a fleet's slow groups spread over time.
std::uint64_t second_cycle(std::string_view server_id) noexcept;

}  // namespace vitals::core
