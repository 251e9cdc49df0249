// Runs one attempt in a child process inside the prober's real sandbox.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "prober/sandbox/sandbox.h"

namespace vitals::prober::test {

// What became of an attempt.
struct Attempt {
    int error = 0;   // 0: it worked, else errno
    int signal = 0;  // of which it died

    friend bool operator==(const Attempt&, const Attempt&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Attempt& attempt);
};

// The action returns 0 or an errno below 128, and touches nothing of the test but what it has captured.
Attempt attempt(const std::function<int()>& action, const SandboxSettings& settings = {});

// 0 for a call that worked, else errno.
int error_of(long returned);
int error_of_opening(const std::string& path, int flags);

// What the kernel of this machine lacks, asked once inside a sandbox.
bool lacks(const std::string& name);

}  // namespace vitals::prober::test
