#include "prober/serve.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include "prober/definition_intake.h"
#include "prober/exit_code.h"
#include "prober/job_pool.h"
#include "prober/job_stream.h"
#include "prober/report_writer.h"
#include "prober/sandbox/limits.h"

namespace vitals::prober {

namespace {

// More than any collector has in flight; it bounds the memory that a flood can take.
constexpr std::size_t most_unfinished = 65'536;
constexpr std::chrono::seconds outdated_interval{10};
// A prober that is never idle is given up with what is in flight, after the grace time.
constexpr std::chrono::seconds most_outdated{60};
constexpr std::chrono::seconds give_back_interval{60};

sigset_t termination() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    return set;
}

class Server {
  public:
    Server(const ServeSettings& settings, ConnectorSet& connectors, ReportWriter& writer)
        : settings_(settings),
          connectors_(connectors),
          writer_(writer),
          stream_(settings.input_fd),
          pool_(connectors,
                {.threads = settings.threads,
                 .tell_below = from_collector() ? 1 : static_cast<std::size_t>(settings.threads)},
                writer) {
        const sigset_t set = termination();
        signal_fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signal_fd_ < 0) throw std::system_error(errno, std::generic_category(), "cannot create a signalfd");
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() { close(signal_fd_); }

    // The exit status, once there is nothing more to do or no more time for it.
    int run() {
        while (true) {
            if (const auto code = take_lines()) return *code;
            if (finished() || outlived()) return finish();
            give_back_memory_now_and_then();
            if (const auto code = wait()) return *code;
        }
    }

  private:
    [[nodiscard]] bool from_collector() const { return settings_.peer == ServeSettings::Peer::collector; }
    // A person's jobs are taken only when a thread is free, so that none of them expires in a queue. A collector
    // counts the time of a job from when it sent it: its jobs are taken at once.
    [[nodiscard]] bool room() const {
        return from_collector() || pool_.unfinished() < static_cast<std::size_t>(settings_.threads);
    }
    [[nodiscard]] bool finished() const {
        if (pool_.unfinished() > 0) return stop_at_ && stop_at_->passed();
        return stop_at_.has_value() || (stream_.ended() && no_more_lines_);
    }

    // A result that is reported may still wait to be written.
    int finish() {
        while (!(stop_at_ && stop_at_->passed()) && !writer_.finish(Deadline::after(std::chrono::milliseconds(100))))
            take_signal();
        return exit_ok;
    }

    void take_signal() {
        if (drain(signal_fd_) && !stop_at_) stop_at_ = Deadline::after(settings_.grace);
    }

    // With the next that wakes it up: where nothing happens, nothing is freed.
    void give_back_memory_now_and_then() {
        if (!give_back_.passed()) return;
        give_back_ = Deadline::after(give_back_interval);
        give_back_memory();
    }

    // Only the collector can start a successor. An idle moment costs no poll.
    bool outlived() {
        if (!from_collector() || !look_again_.passed()) return false;
        look_again_ = Deadline::after(outdated_interval);
        if (!outdated_since_ && settings_.outdated()) outdated_since_ = Deadline::Clock::now();
        if (!outdated_since_ || stop_at_) return false;
        look_again_ = Deadline::after(std::chrono::milliseconds(100));
        if (pool_.unfinished() == 0) return true;
        if (Deadline::Clock::now() - *outdated_since_ >= most_outdated) stop_at_ = Deadline::after(settings_.grace);
        return false;
    }

    std::optional<int> take_lines() {
        no_more_lines_ = false;
        while (!stop_at_ && room()) {
            std::optional<std::string> line;
            try {
                line = stream_.next_line();
            } catch (const core::WireError& error) {
                return complain(error.what(), true);
            }
            if (!line) {
                no_more_lines_ = true;
                break;
            }
            if (const auto code = take_line(*line)) return code;
        }
        return std::nullopt;
    }

    std::optional<int> take_line(std::string& line) {
        if (line.empty() && !from_collector()) return std::nullopt;
        try {
            core::ProberCommand command = core::parse_command(line);
            core::wipe_text(line);
            take_command(std::move(command));
        } catch (const core::WireError& error) {
            core::wipe_text(line);
            return complain(error.what(), from_collector());
        }
        if (pool_.unfinished() > most_unfinished) return complain("too many jobs are waiting", true);
        return std::nullopt;
    }

    void take_command(core::ProberCommand&& command) {
        if (auto* job = std::get_if<core::Job>(&command)) {
            pool_.submit(std::move(*job));
        } else if (auto* define = std::get_if<core::Define>(&command)) {
            const std::string connector = define->connector;
            if (const auto groups = definitions_.take(std::move(*define))) connectors_.define(connector, groups);
        } else if (const auto* forget = std::get_if<core::Forget>(&command)) {
            pool_.forget(forget->target);
        } else {
            pool_.withdraw();
        }
    }

    std::optional<int> complain(const char* reason, bool final) {
        fmt::print(stderr, "vitals_prober: not a line of the protocol: {}\n", reason);
        if (final) return exit_usage;
        return std::nullopt;
    }

    std::optional<int> wait() {
        // Of a collector only the end of the socket matters once it has said stop.
        const bool reads = !stop_at_ && room() && !stream_.ended();
        const short events = reads ? POLLIN : POLLRDHUP;
        const bool watched = reads || from_collector();
        std::array<pollfd, 3> fds{pollfd{watched ? stream_.fd() : -1, events, 0}, pollfd{signal_fd_, POLLIN, 0},
                                  pollfd{pool_.finished_fd(), POLLIN, 0}};
        const Deadline wake = stop_at_.value_or(look_again_);
        const int timeout = from_collector() || stop_at_ ? static_cast<int>(wake.remaining().count()) : -1;
        if (::poll(fds.data(), fds.size(), timeout) < 0) return std::nullopt;

        if (fds[2].revents != 0) drain(fds[2].fd);
        if (fds[1].revents != 0) take_signal();
        if (fds[0].revents == 0) return std::nullopt;
        const bool open = reads && stream_.read_more();
        // Nobody is left to answer to.
        if (!open && from_collector()) return exit_ok;
        return std::nullopt;
    }

    // Whether there was something.
    static bool drain(int fd) {
        std::array<char, sizeof(signalfd_siginfo)> bytes{};
        return read(fd, bytes.data(), bytes.size()) > 0;
    }

    ServeSettings settings_;
    ConnectorSet& connectors_;
    ReportWriter& writer_;
    DefinitionIntake definitions_;
    JobStream stream_;
    JobPool pool_;
    int signal_fd_ = -1;
    bool no_more_lines_ = false;
    std::optional<Deadline> stop_at_;  // when to end whatever is in flight
    Deadline look_again_ = Deadline::after(outdated_interval);
    std::optional<Deadline::Clock::time_point> outdated_since_;
    Deadline give_back_ = Deadline::after(give_back_interval);
};

}  // namespace

void prepare_signals(ServeSettings::Peer peer) {
    const sigset_t set = termination();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, nullptr);
    // The postmaster's process group gets the terminal's SIGINT; the collector decides what becomes of its probers.
    if (peer == ServeSettings::Peer::collector) sigaction(SIGINT, &ignore, nullptr);
}

void serve(const ServeSettings& settings, ConnectorSet& connectors, const core::Hello& hello) {
    ReportWriter writer(settings.output_fd);
    writer.write(hello);
    Server server(settings, connectors, writer);
    const int code = server.run();
    std::fflush(stderr);
    _exit(code);
}

}  // namespace vitals::prober
