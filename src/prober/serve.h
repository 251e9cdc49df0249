// The life of a prober that serves: it greets, reads jobs, writes results, and ends when its peer is gone or when it is
// told to.
#pragma once

#include <chrono>
#include <functional>

#include "core/wire.h"
#include "prober/connector_set.h"

namespace vitals::prober {

struct ServeSettings {
    // What the other end of the input means.
    enum class Peer {
        collector,  // one socket both ways; its end or garbage on it ends the process at once
        person,     // standard input and output: bad lines are told, the end of input ends the process when all is done
    };
    Peer peer = Peer::person;
    int input_fd = 0;
    int output_fd = 1;
    int threads = 10;
    std::chrono::milliseconds grace{5000};  // for what is in flight when SIGTERM arrives
    // Asked now and then: whether the collector should start another prober in our place.
    std::function<bool()> outdated = [] { return false; };
};

// Keeps SIGTERM for serve(), and lets writing to a closed pipe fail instead of ending the process. Call before any
// thread is started, which inherits it.
void prepare_signals(ServeSettings::Peer peer);

// Ends the process: threads may be stuck in their peers, so there is no way back from here.
[[noreturn]] void serve(const ServeSettings& settings, ConnectorSet& connectors, const core::Hello& hello);

}  // namespace vitals::prober
