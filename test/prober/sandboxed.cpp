#include "sandboxed.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>

#include "prober_child.h"

namespace vitals::prober::test {

namespace {

constexpr int no_sandbox = 127;

// Waits for a child that cannot hang: every attempt is a call that is refused or returns.
Attempt outcome_of(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
    return {WEXITSTATUS(status), 0};
}

std::vector<std::string> all_missing() {
    std::vector<std::string> names{"landlock",       "landlock_abi_3", "landlock_abi_4",
                                   "landlock_abi_5", "landlock_abi_6", "seccomp"};
    std::erase_if(names, [](const std::string& name) {
        const pid_t child = fork();
        if (child == 0) {
            const auto missing = enter_sandbox({});
            _exit(std::find(missing.begin(), missing.end(), name) == missing.end() ? 0 : 1);
        }
        return outcome_of(child).error == 0;
    });
    return names;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Attempt& attempt) {
    if (attempt.signal != 0) return out << "killed by signal " << attempt.signal;
    if (attempt.error == no_sandbox) return out << "no sandbox";
    return out << (attempt.error == 0 ? "worked" : std::generic_category().message(attempt.error));
}

Attempt attempt(const std::function<int()>& action, const SandboxSettings& settings) {
    const pid_t child = fork();
    if (child == 0) {
        try {
            enter_sandbox(settings);
        } catch (const std::exception&) {
            _exit(no_sandbox);
        }
        _exit(action());
    }
    return outcome_of(child);
}

int error_of(long returned) {
    return returned < 0 ? errno : 0;
}

int error_of_opening(const std::string& path, int flags) {
    const Fd fd(open(path.c_str(), flags | O_CLOEXEC, 0600));
    return error_of(fd.get());
}

bool lacks(const std::string& name) {
    static const std::vector<std::string> missing = all_missing();
    return std::find(missing.begin(), missing.end(), name) != missing.end();
}

}  // namespace vitals::prober::test
