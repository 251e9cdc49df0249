// What the command line asks for. Parsing prints help, version and errors itself; there is deliberately no option that
// takes a password, because every user of the machine can read a command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/wire.h"

namespace vitals::prober {

// Where a prober may go and what Kerberos finds; both commands have it.
struct NetworkFlags {
    std::vector<std::string> allowed_targets;  // lists that each must allow a target; empty: all do
    std::uint16_t own_port = 0;                // of the database server; 0: none
    std::string krb5_config;                   // empty: the system's
    std::string keytab;                        // empty: none
};

struct ServeCommand {
    int fd = -1;  // the collector's socket; -1: standard input and output
    int threads = 10;
    std::uint64_t memory_limit = 0;  // bytes; 0: none
    std::chrono::milliseconds grace{5000};
    bool allow_local = false;
    std::string ca_directory;  // empty: none
    NetworkFlags network;
};

struct CheckCommand {
    core::Job job;  // without the password
    bool needs_password = false;
    std::string password_file;  // empty: ask on the terminal
    bool json = false;
    NetworkFlags network;
};

// The exit status of a command line that is answered already.
using Answered = int;

using Command = std::variant<Answered, ServeCommand, CheckCommand>;

Command parse_command_line(int count, const char* const* words);

}  // namespace vitals::prober
