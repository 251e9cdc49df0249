// Which file systems of the host are measured. A statvfs on a dead NFS server never returns, so only file systems on
// block devices are asked, and only where the way to them leads through nothing that can hang.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vitals::prober {

constexpr std::size_t max_local_mounts = 64;

// Mount points to ask, from the text of /proc/self/mounts. Left out: pseudo and network file systems, read-only images,
// what container engines mount for themselves, a mount that another one covers, and all but the shortest mount point of
// one device. Sorted; beyond max_local_mounts the last ones are left out.
std::vector<std::string> select_mount_points(std::string_view mounts);

}  // namespace vitals::prober
