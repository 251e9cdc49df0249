#include "extension/fleet.h"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <stdexcept>

#include "core/target_config.h"
#include "pg/query.h"

namespace vitals::ext {

namespace {

// Of one tenant. More than one collector could poll in any case.
constexpr std::size_t most_targets = 20'000;
// All others wait meanwhile.
constexpr std::chrono::seconds reading_limit{3};
constexpr int most_interval_seconds = 3600;
// Beyond it nobody counts.
constexpr int most_failures = 1'000'000;

template <typename Number>
Number number_of(const pg::Cell& cell, Number otherwise = 0) {
    if (!cell) return otherwise;
    Number number = otherwise;
    std::from_chars(cell->data(), cell->data() + cell->size(), number);
    return number;
}

std::string bytes_of_hex(const pg::Cell& cell) {
    std::string bytes;
    if (!cell) return bytes;
    for (std::size_t i = 0; i + 1 < cell->size(); i += 2) {
        unsigned byte = 0;
        std::from_chars(cell->data() + i, cell->data() + i + 2, byte, 16);
        bytes.push_back(static_cast<char>(byte));
    }
    return bytes;
}

// Who seals and who opens must agree on this text: it ties a secret to its place and to the host that it may be sent to
// (vitals_seal_secret).
std::string secret_owner(const Tenant& tenant, const Target& target) {
    std::string host = target.host;
    for (char& c : host) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    }
    return tenant.id + "/" + target.credential_id + "@" + std::to_string(host.size()) + ":" + host + ":";
}

Target target_of(const pg::Row& row) {
    std::size_t column = 0;
    const auto next = [&]() -> const pg::Cell& { return row.at(column++); };
    Target target;
    target.server_id = next().value_or("");
    target.name = next().value_or("");
    target.connector = next().value_or("");
    target.needs_trust = next() != pg::Cell{"false"};
    target.host = next().value_or("");
    target.port = number_of<std::uint16_t>(next());
    target.username = next().value_or("");
    target.credential_id = next().value_or("");
    target.sealed_password = bytes_of_hex(next());
    target.options = core::options_from_json(next().value_or(""));
    target.metrics = core::metrics_from_json(next().value_or(""));
    target.interval = std::chrono::seconds{std::clamp(number_of<int>(next(), 60), 1, most_interval_seconds)};
    target.enabled = next() == pg::Cell{"true"};
    target.stored_health.status = core::target_status_from_text(next().value_or(""));
    target.stored_health.consecutive_failures = std::clamp(number_of<int>(next()), 0, most_failures);
    const auto error_class = core::error_class_from_text(next().value_or(""));
    const auto error_number = number_of<int>(next());
    const auto message = next().value_or("");
    if (error_class) target.stored_failure = core::Failure{*error_class, error_number, message};
    return target;
}

std::vector<Target> query_targets(const Tenant& tenant, std::string_view condition, std::string_view parameter) {
    const std::string schema = pg::quote_identifier(tenant.schema);
    // The tables are the tenant's, who may have taken every limit off them: lengths and rows are bounded here again.
    const std::string sql =
        "SELECT s.id, left(s.name, 200), left(s.connector, 100),"
        " (SELECT k.needs_superuser::text FROM vitals.connectors AS k WHERE k.name = s.connector),"
        " left(s.host, 255), s.port, left(p.username, 256), p.id,"
        " encode(substring(p.sealed_password FROM 1 FOR 2000), 'hex'), left(s.options::text, 8000),"
        " left(c.metrics_enabled::text, 16000), c.interval_seconds, c.enabled::text, st.status, "
        "st.consecutive_failures,"
        " st.last_error_class, st.last_error_number, left(st.last_error, 1000)"
        " FROM " +
        schema +
        ".servers AS s"
        " LEFT JOIN " +
        schema +
        ".collection_config AS c ON c.server_id = s.id"
        " LEFT JOIN " +
        schema +
        ".collection_state AS st ON st.server_id = s.id"
        " LEFT JOIN " +
        schema +
        ".credentials AS p ON p.id = s.credential_id"
        " WHERE " +
        std::string(condition) + " ORDER BY s.id LIMIT " + std::to_string(most_targets + 1);
    pg::Transaction transaction("reading servers", tenant.role, reading_limit);
    std::vector<Target> targets;
    for (const auto& row : pg::query(sql.c_str(), {parameter}))
        targets.push_back(target_of(row));
    transaction.commit();
    if (targets.size() > most_targets) {
        throw std::runtime_error("it has more than " + std::to_string(most_targets) + " servers");
    }
    return targets;
}

}  // namespace

bool Target::connects_like(const Target& other) const {
    return connector == other.connector && host == other.host && port == other.port && username == other.username &&
           sealed_password == other.sealed_password && options == other.options;
}

std::vector<Tenant> load_tenants() {
    pg::Transaction transaction("reading tenants");
    std::vector<Tenant> tenants;
    const auto rows = pg::query(
        "SELECT t.tenant_key, t.id, t.name, t.schema_name, t.role::pg_catalog.oid, r.rolsuper,"
        " (SELECT pg_catalog.string_agg(s.server_id || '/' || s.connector, ' ') FROM vitals.trusted_servers AS s"
        "  WHERE s.tenant_key = t.tenant_key), t.version, t.allowed_targets"
        " FROM vitals.tenant_registry AS t JOIN pg_catalog.pg_roles AS r ON r.oid = t.role"
        " WHERE t.status = 'active' AND NOT (SELECT s.paused FROM vitals.installation_status AS s) ORDER BY "
        "t.tenant_key");
    for (const auto& row : rows) {
        Tenant tenant{.key = number_of<int>(row.at(0)),
                      .id = row.at(1).value_or(""),
                      .name = row.at(2).value_or(""),
                      .schema = row.at(3).value_or(""),
                      .role = number_of<pg::RoleId>(row.at(4)),
                      .version = row.at(7).value_or(""),
                      .owner_too_powerful = row.at(5) != pg::Cell{"f"},
                      .trusted_servers = {},
                      .notify = false,
                      .allowed_targets = row.at(8).value_or("")};
        std::istringstream trusted(row.at(6).value_or(""));
        for (std::string server; trusted >> server;)
            tenant.trusted_servers.insert(server);
        tenants.push_back(std::move(tenant));
    }
    transaction.commit();
    return tenants;
}

std::vector<Target> load_targets(Tenant& tenant) {
    auto targets = query_targets(tenant, "$1 IS NOT NULL", "");
    pg::Transaction transaction("reading settings", tenant.role, reading_limit);
    tenant.notify = pg::query("SELECT vitals.notify_wanted($1::name)", {tenant.schema}).at(0).at(0) == pg::Cell{"t"};
    transaction.commit();
    return targets;
}

std::optional<Target> load_target(const Tenant& tenant, std::string_view server_id) {
    auto found = query_targets(tenant, "s.id::text = $1", server_id);
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

core::Job make_job(const Target& target, core::JobKind kind, std::uint64_t id, std::chrono::milliseconds deadline) {
    if (target.connector.size() > core::max_metric_name)
        throw std::runtime_error("the name of the connector is too long");
    core::Job job;
    job.id = id;
    job.kind = kind;
    job.connector = target.connector;
    job.target = target.server_id;
    job.deadline = deadline;
    job.interval = target.interval;
    job.host = target.host;
    job.port = target.port;
    job.username = target.username;
    job.options = target.options;
    job.metrics = target.metrics;
    return job;
}

core::Secret open_password(const Tenant& tenant, const Target& target, const SecretKeys& keys) {
    if (target.sealed_password.empty()) return {};
    return keys.open(target.sealed_password, secret_owner(tenant, target));
}

}  // namespace vitals::ext
