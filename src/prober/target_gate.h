// The door to the network. Every connect() of the process passes it (interposed_libc.cpp), whichever library makes it,
// with the very address that is connected to: what a name resolved to a moment ago does not count.
//
// It keeps honest code from being sent where it must not go. Code of a peer that has taken the process over makes the
// system call itself: only a firewall stops that.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/target_rules.h"

namespace vitals::prober {

struct GateSettings {
    // Each must allow a target. Empty: everything that can be a target is allowed.
    std::vector<core::TargetRules> rules;
    // Of the server that this prober works for: refused at every address of this machine. 0: none.
    std::uint16_t own_port = 0;
};

enum class GateVerdict {
    allowed,
    forbidden,   // by a list, or it can be no target at all
    own_server,  // the database server's own socket
};

class TargetGate {
  public:
    // In force for the whole process while it lives. Make it single threaded, and one at a time.
    explicit TargetGate(GateSettings settings);
    TargetGate(const TargetGate&) = delete;
    TargetGate& operator=(const TargetGate&) = delete;
    ~TargetGate();

    // What the gate that is in force says; allowed where there is none, and for what is not TCP or UDP over IP.
    static GateVerdict judge(const core::IpAddress& address, std::uint16_t port) noexcept;
    static GateVerdict judge(const sockaddr* address, socklen_t size) noexcept;

  private:
    [[nodiscard]] GateVerdict decide(const core::IpAddress& address, std::uint16_t port) const noexcept;

    GateSettings settings_;
};

// The numeric addresses that may be connected to at that port. Throws TdsFailure of class not_allowed if none may; host
// is what they were resolved from, for the message.
std::vector<std::string> keep_allowed(const std::vector<std::string>& addresses, std::uint16_t port,
                                      std::string_view host);

}  // namespace vitals::prober
