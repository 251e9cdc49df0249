#include "prober/password_input.h"

#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace vitals::prober {

namespace {

constexpr std::size_t max_password = 1024;

class File {
  public:
    File(const char* path, int flags) : fd_(open(path, flags | O_CLOEXEC)) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (fd_ >= 0) close(fd_);
    }
    [[nodiscard]] int fd() const noexcept { return fd_; }

  private:
    int fd_;
};

// Also Ctrl-C leaves the terminal as it was: it arrives as a character and ends the input.
class SilentTerminal {
  public:
    explicit SilentTerminal(int fd) : fd_(fd) {
        if (tcgetattr(fd, &before_) != 0) throw std::system_error(errno, std::generic_category(), "not a terminal");
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
        tcsetattr(fd, TCSAFLUSH, &silent);
    }
    SilentTerminal(const SilentTerminal&) = delete;
    SilentTerminal& operator=(const SilentTerminal&) = delete;
    ~SilentTerminal() { tcsetattr(fd_, TCSAFLUSH, &before_); }

  private:
    int fd_;
    termios before_{};
};

core::Secret read_line(int fd) {
    // One byte more than allowed tells a long password from a longest one.
    std::array<char, max_password + 2> bytes{};
    std::size_t size = 0;
    while (size < bytes.size()) {
        const ssize_t count = read(fd, bytes.data() + size, bytes.size() - size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw std::system_error(errno, std::generic_category(), "cannot read the password");
        if (count == 0) break;
        size += static_cast<std::size_t>(count);
        if (memchr(bytes.data(), '\n', size) != nullptr) break;
    }
    std::string_view line(bytes.data(), size);
    line = line.substr(0, line.find('\n'));
    if (line.ends_with('\r')) line.remove_suffix(1);
    core::Secret password(line);
    explicit_bzero(bytes.data(), bytes.size());
    if (password.reveal().size() > max_password) throw std::runtime_error("the password is too long");
    return password;
}

void print(int fd, std::string_view text) {
    [[maybe_unused]] const ssize_t written = write(fd, text.data(), text.size());
}

}  // namespace

core::Secret read_password_file(const std::string& path) {
    const File file(path.c_str(), O_RDONLY);
    if (file.fd() < 0) throw std::system_error(errno, std::generic_category(), "cannot open the password file " + path);
    return read_line(file.fd());
}

core::Secret ask_password(const std::string& prompt) {
    const File terminal("/dev/tty", O_RDWR);
    if (terminal.fd() < 0)
        throw std::runtime_error("there is no terminal to ask for the password: use --password-file");
    const SilentTerminal silent(terminal.fd());
    print(terminal.fd(), prompt);
    core::Secret password = read_line(terminal.fd());
    print(terminal.fd(), "\n");
    if (password.reveal().find('\x03') != std::string_view::npos) throw std::runtime_error("interrupted");
    return password;
}

}  // namespace vitals::prober
