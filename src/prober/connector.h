// What every kind of target (SQL Server, local host, later SNMP, SSH, WinRM, ping) implements.
//
// A connector is stateless and shared by all threads. What must outlive one poll of one target (the kept connection,
// the predecessor sample that rates are computed from) lives in a Session. The prober keeps one session per target uuid
// and never runs two jobs of one target at a time, so a session needs no lock.
#pragma once

#include <memory>
#include <string_view>

#include "core/wire.h"
#include "prober/deadline.h"

namespace vitals::prober {

class Session {
  public:
    Session() = default;
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    virtual ~Session() = default;

    // Reads the metrics of the target. Returns by the deadline, and reports every failure in the result: a connector
    // throws only for defects of its own. duration_ms and job are filled in by the caller.
    virtual core::Result poll(const core::Job& job, const Deadline& deadline) = 0;

    // Tests the connection step by step; the result carries checks instead of values.
    virtual core::Result check(const core::Job& job, const Deadline& deadline) = 0;

    // Whether somebody is there at all, as cheaply as it can be known: ok or failed, no values. As it stands here it is
    // for targets that cannot be away.
    virtual core::Result probe(const core::Job& /*job*/, const Deadline& /*deadline*/) {
        core::Result result;
        result.outcome = core::Outcome::ok;
        return result;
    }
};

class Connector {
  public:
    Connector() = default;
    Connector(const Connector&) = delete;
    Connector& operator=(const Connector&) = delete;
    virtual ~Connector() = default;

    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    [[nodiscard]] virtual std::unique_ptr<Session> open_session() const = 0;

    // What its sessions collect from now on. May be called while they run. Ignored where metrics are not defined by
    // data. Those that are keep it. NOLINTNEXTLINE(performance-unnecessary-value-param)
    virtual void define(std::shared_ptr<const core::MetricGroups> /*groups*/) {}
};

}  // namespace vitals::prober
