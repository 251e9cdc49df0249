// What the interposed functions and the code that sets up FreeTDS agree upon.
#pragma once

#include <dlfcn.h>

namespace vitals::prober {

// The file that FreeTDS is told to read its configuration from. It does not exist: the interposed fopen() answers with
// the text of the connection that is being opened.
constexpr const char* connection_configuration_path = "/vitals/connection.conf.in.memory";
// The section of that text.
constexpr const char* connection_section = "vitals_target";

// The definition of a function that ours hides.
template <typename Function>
Function* next_definition(const char* name) {
    // dlsym() returns void*; POSIX promises that it converts to a function pointer.
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace vitals::prober
