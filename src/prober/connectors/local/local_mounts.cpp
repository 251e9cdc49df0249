#include "prober/connectors/local/local_mounts.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "prober/connectors/local/proc_text.h"

namespace vitals::prober {

namespace {

struct Mount {
    std::string source;
    std::string type;
};
using Mounts = std::map<std::string, Mount>;  // by mount point

// They answer from another machine or another process, or mount something when they are looked at.
constexpr std::array<std::string_view, 18> hanging_types{
    "9p",   "afs",       "autofs", "beegfs", "ceph",  "cifs", "coda", "davfs", "fuse",
    "gfs2", "glusterfs", "gpfs",   "lustre", "ncpfs", "nfs",  "nfs4", "ocfs2", "orangefs"};
constexpr std::array<std::string_view, 6> more_hanging_types{"smb3", "smbfs", "virtiofs", "vboxsf", "pvfs2", "acfs"};

// Always full.
constexpr std::array<std::string_view, 5> image_types{"cramfs", "erofs", "iso9660", "squashfs", "udf"};

constexpr std::array<std::string_view, 8> ignored_trees{"/dev",
                                                        "/proc",
                                                        "/run/credentials",
                                                        "/sys",
                                                        "/var/lib/containers/storage",
                                                        "/var/lib/docker",
                                                        "/snap",
                                                        "/var/lib/kubelet/pods"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

bool may_hang(std::string_view type) {
    return contains(hanging_types, type) || contains(more_hanging_types, type) || type.starts_with("fuse.");
}

bool is_beneath(std::string_view path, std::string_view tree) {
    return path.starts_with(tree) && (path.size() == tree.size() || path[tree.size()] == '/');
}

bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

// The kernel writes blanks, tabs, newlines and backslashes as \ooo.
std::string unescape(std::string_view text) {
    constexpr unsigned octal_bits = 3;
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escaped = text[i] == '\\' && i + 3 < text.size() && text[i + 1] <= '3' && is_octal(text[i + 1]) &&
                             is_octal(text[i + 2]) && is_octal(text[i + 3]);
        if (!escaped) {
            plain.push_back(text[i]);
            continue;
        }
        unsigned byte = 0;
        for (std::size_t digit = 1; digit <= 3; ++digit)
            byte = (byte << octal_bits) + static_cast<unsigned>(text[i + digit] - '0');
        plain.push_back(static_cast<char>(byte));
        i += 3;
    }
    return plain;
}

Mounts parse_mounts(std::string_view text) {
    Mounts mounts;
    for (const auto line : lines_of(text)) {
        const auto words = words_of(line);
        if (words.size() < 3) continue;
        // A later mount on the same point covers the earlier one.
        mounts[unescape(words[1])] = Mount{unescape(words[0]), std::string(words[2])};
    }
    return mounts;
}

bool is_measured(const std::string& point, const Mount& mount) {
    if (!point.starts_with('/') || !is_plain_name(point) || may_hang(mount.type) || contains(image_types, mount.type))
        return false;
    if (std::any_of(ignored_trees.begin(), ignored_trees.end(), [&](auto tree) { return is_beneath(point, tree); }))
        return false;
    // The root of a container is an overlay: its space is that of the disk below.
    return mount.source.starts_with("/dev/") || mount.type == "zfs" || (mount.type == "overlay" && point == "/");
}

// Where everything lies on the network there is nothing to be careful about: the program itself would hang.
bool leads_through_any(std::string_view point, const std::vector<std::string>& others) {
    return std::any_of(others.begin(), others.end(), [&](const std::string& other) {
        return other != "/" && point != other && is_beneath(point, other);
    });
}

}  // namespace

std::vector<std::string> select_mount_points(std::string_view mounts) {
    const Mounts all = parse_mounts(mounts);
    std::vector<std::string> hanging;
    for (const auto& [point, mount] : all) {
        if (may_hang(mount.type)) hanging.push_back(point);
    }
    std::map<std::string, std::string> by_source;
    for (const auto& [point, mount] : all) {
        if (!is_measured(point, mount) || leads_through_any(point, hanging)) continue;
        const auto [known, is_new] = by_source.emplace(mount.source, point);
        if (!is_new && point.size() < known->second.size()) known->second = point;
    }
    std::vector<std::string> points;
    points.reserve(by_source.size());
    for (const auto& [source, point] : by_source)
        points.push_back(point);
    std::sort(points.begin(), points.end());
    points.resize(std::min(points.size(), max_local_mounts));
    return points;
}

}  // namespace vitals::prober
