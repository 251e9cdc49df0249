// The exit statuses of vitals_prober. The collector and scripts see nothing else of a prober that ended.
#pragma once

namespace vitals::prober {

enum ExitCode : int {
    exit_ok = 0,
    exit_failed = 1,         // a check failed, or the program could not start
    exit_usage = 2,          // wrong command line, or a line on the collector's socket that is not a job
    exit_out_of_memory = 3,  // the memory limit was reached
};

}  // namespace vitals::prober
