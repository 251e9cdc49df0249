// The file descriptors of sockets that the server knows nothing of. It keeps files of relations open up to the limit of
// the process, and closes one of them when it needs a descriptor; nobody does so for us unless it is told in advance.
#pragma once

#include <cstddef>

namespace vitals::pg {

// Makes room for one more socket. False if so many are open that the server itself would soon find none for its work.
bool reserve_descriptor();

// How many there are now.
void set_reserved_descriptors(std::size_t count);

}  // namespace vitals::pg
