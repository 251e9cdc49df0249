// What FreeTDS needs once per process. Its environment variables would redirect or weaken our connections, and the
// first use of its character set tables is not thread safe.
#pragma once

#include <iconv.h>

#include <vector>

namespace vitals::prober {

// Keeps character set converters loaded: FreeTDS opens and closes them with every connection, and the last close would
// unload their modules (20 % of the cost of a connection).
class FreetdsProcess {
  public:
    // Call once, single threaded, before any thread starts and before the sandbox: it removes FreeTDS' environment
    // variables, initialises db-lib and its handlers, opens character sets and fails to connect to a closed loopback
    // port to have every lazy table built. Throws std::runtime_error when db-lib cannot be initialised or when the
    // interposed functions are not in force (they need a dynamically linked libsybdb).
    FreetdsProcess();
    FreetdsProcess(const FreetdsProcess&) = delete;
    FreetdsProcess& operator=(const FreetdsProcess&) = delete;
    ~FreetdsProcess();

  private:
    std::vector<iconv_t> converters_;
};

}  // namespace vitals::prober
