// What a prober does about being a child of the collector, before anything else.
#pragma once

namespace vitals::prober {

// Dies with its parent, is the first to go when the machine runs out of memory, and keeps nothing open but the socket
// and standard error. socket_fd: the collector's socket. Does not return if the collector is gone already. Throws
// std::system_error if socket_fd is no socket.
void settle_as_child(int socket_fd);

// Standard error is the server's log; a prober that was taken over must not be able to write lines into it.
void let_go_of_standard_error();

}  // namespace vitals::prober
