// Where the pool's threads leave results. In two steps, so that what follows a result can begin before it is written: a
// peer that is busy keeps one thread at most.
#pragma once

#include "core/wire.h"

namespace vitals::prober {

class ReportSink {
  public:
    ReportSink() = default;
    ReportSink(const ReportSink&) = delete;
    ReportSink& operator=(const ReportSink&) = delete;
    virtual ~ReportSink() = default;

    // From now on the peer gets it, after those that were added before.
    virtual void add(const core::Result& result) = 0;
    // Writes what was added, or leaves it to the thread that is writing. False: that would have to wait for the peer.
    [[nodiscard]] virtual bool try_write() = 0;
    // The same, and waits.
    virtual void write() = 0;
};

}  // namespace vitals::prober
