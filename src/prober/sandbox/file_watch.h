// Notices when the sandbox has become too old. Landlock allows files, not paths: an /etc/resolv.conf that is replaced
// by another file (as every DHCP client does) is out of reach, and every name lookup would fail from then on. A new
// process gets a new sandbox.
#pragma once

#include <string>
#include <vector>

namespace vitals::prober {

class FileWatch {
  public:
    // Looks at the files and directories now; call inside the sandbox.
    explicit FileWatch(std::vector<std::string> paths);

    // Whether a file can not be read any more that could be read, or was not there, in the beginning.
    [[nodiscard]] bool outdated() const;

  private:
    struct File {
        std::string path;
        bool denied_before;
    };
    std::vector<File> files_;
};

}  // namespace vitals::prober
