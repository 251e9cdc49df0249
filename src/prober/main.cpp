// vitals_prober: the program that talks to the monitored servers, so that PostgreSQL never does.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <utility>
#include <variant>

#include "prober/command_line.h"
#include "prober/exit_code.h"
#include "prober/run_command.h"

namespace {

int run(int count, char** words) {
    using namespace vitals::prober;
    try {
        Command command = parse_command_line(count, words);
        if (const auto* code = std::get_if<Answered>(&command)) return *code;
        if (const auto* serve = std::get_if<ServeCommand>(&command)) run_serve(*serve);
        return run_check(std::move(std::get<CheckCommand>(command)));
    } catch (const std::exception& error) {
        fmt::print(stderr, "vitals_prober: {}\n", error.what());
        return exit_failed;
    }
}

}  // namespace

int main(int count, char** words) {
    const int code = run(count, words);
    std::fflush(nullptr);
    // Nothing is left to clean up, and the sandbox refuses what a sanitizer's check for leaks needs.
    _exit(code);
}
