// Where a person's password comes from: a file or the terminal, never the command line.
#pragma once

#include <string>

#include "core/secret.h"

namespace vitals::prober {

// The first line of a file. Throws std::runtime_error when it cannot be read or is too long for a password.
core::Secret read_password_file(const std::string& path);

// Asks on the controlling terminal, without echo. Throws std::runtime_error where there is no terminal.
core::Secret ask_password(const std::string& prompt);

}  // namespace vitals::prober
