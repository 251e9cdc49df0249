// Takes from the process whatever it does not need to poll servers. It parses what hostile servers send, with libraries
// that cannot be assumed to withstand it: whoever takes it over must find nothing to read, write, run or talk to.
#pragma once

#include <string>
#include <vector>

namespace vitals::prober {

struct SandboxSettings {
    bool allow_local = false;           // /proc of this machine may be read
    std::vector<std::string> ca_paths;  // further files and directories with CA certificates
    std::string krb5_config;            // instead of the system's; empty: that one
    std::string keytab;                 // empty: none
};

// Cannot be undone. Call single threaded, after everything that opens other files. Returns what the kernel does not
// offer, for example "landlock". Throws std::system_error if the kernel refuses what it does offer.
std::vector<std::string> enter_sandbox(const SandboxSettings& settings);

// The files of name lookup that the sandbox lets through one by one, for FileWatch.
std::vector<std::string> name_service_files();

}  // namespace vitals::prober
