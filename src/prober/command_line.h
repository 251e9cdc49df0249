// What the command line asks for. Parsing prints help, version and errors itself; there is deliberately no option that
// takes a password, because every user of the machine can read a command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

#include "core/wire.h"

namespace vitals::prober {

struct ServeCommand {
    int fd = -1;  // the collector's socket; -1: standard input and output
    int threads = 10;
    std::uint64_t memory_limit = 0;  // bytes; 0: none
    std::chrono::milliseconds grace{5000};
    bool allow_local = false;
    std::string ca_directory;  // empty: none
};

struct CheckCommand {
    core::Job job;  // without the password
    bool needs_password = false;
    std::string password_file;  // empty: ask on the terminal
    bool json = false;
};

// The exit status of a command line that is answered already.
using Answered = int;

using Command = std::variant<Answered, ServeCommand, CheckCommand>;

Command parse_command_line(int count, const char* const* words);

}  // namespace vitals::prober
