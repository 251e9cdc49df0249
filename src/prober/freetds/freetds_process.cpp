#include "prober/freetds/freetds_process.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

// db-lib's header defines macros; it stays behind the C++ ones.
#include <sybdb.h>
#include <sybfront.h>

#include "prober/freetds/connection_guard.h"
#include "prober/freetds/interposed.h"
#include "prober/freetds/tds_connection.h"

namespace vitals::prober {

namespace {

// FreeTDS counts in whole seconds per wait; the real limit is the deadline of each scope.
constexpr int library_login_seconds = 3600;
constexpr int max_connections = 32'768;
constexpr std::chrono::seconds warm_up_time{2};

// Character sets of the wire and of the collations that are met most.
constexpr std::array<const char*, 4> kept_charsets{"UTF-16LE", "ISO-8859-1", "CP1252", "UCS-2LE"};

// Any other answer than INT_CANCEL makes db-lib wait again or call exit().
int on_library_error(DBPROCESS* /*process*/, int /*severity*/, int number, int os_error, char* /*text*/,
                     char* /*os_text*/) {
    if (GuardScope* scope = GuardScope::active()) scope->guard().note_error(number, os_error);
    return INT_CANCEL;
}

int on_server_message(DBPROCESS* /*process*/, DBINT number, int /*state*/, int severity, char* text, char* /*server*/,
                      char* /*procedure*/, int /*line*/) {
    if (GuardScope* scope = GuardScope::active())
        scope->guard().note_message(number, severity, text != nullptr ? std::string_view(text) : std::string_view());
    return 0;
}

bool belongs_to_freetds(std::string_view name) {
    return name.starts_with("TDS") || name.starts_with("FREETDS") || name == "SYBASE" || name == "DSQUERY" ||
           name == "ASA_DATABASE";
}

// Single threaded by contract of the constructor.
void scrub_environment() {
    std::vector<std::string> names;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view text(*variable);
        const std::string_view name = text.substr(0, text.find('='));
        if (belongs_to_freetds(name)) names.emplace_back(name);
    }
    for (const std::string& name : names)
        unsetenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
}

// A port of loopback that nobody listens on: bound, but not listening. Keeps it until it goes out of scope.
class ClosedPort {
  public:
    ClosedPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (fd_ < 0 || bind(fd_, generic, size) != 0 || getsockname(fd_, generic, &size) != 0) return;
        number_ = ntohs(address.sin_port);
    }
    ClosedPort(const ClosedPort&) = delete;
    ClosedPort& operator=(const ClosedPort&) = delete;
    ~ClosedPort() {
        if (fd_ >= 0) close(fd_);
    }
    // 0 where no port was to be had.
    [[nodiscard]] std::uint16_t number() const noexcept { return number_; }

  private:
    int fd_;
    std::uint16_t number_ = 0;
};

void warm_up() {
    const ClosedPort port;
    TdsLogin login;
    login.addresses = {"127.0.0.1"};
    login.certificate_name = "warm-up.invalid";
    login.port = port.number();
    login.username = "warm-up";
    login.app_name = "pg_vitals";
    login.tls = TlsMode::off;
    const TdsConnection attempt(login, core::Secret("warm-up"), Deadline::after(warm_up_time));
    // Only the interposed fopen() and getaddrinfo() know the section and the name, so only with them is the refusal of
    // the connection what FreeTDS reports.
    for (const LibraryError& error : attempt.observation().errors) {
        if (error.number == SYBECONN) return;
    }
    throw std::runtime_error("the interposed functions are not in force: libsybdb must be linked dynamically");
}

}  // namespace

FreetdsProcess::FreetdsProcess() {
    scrub_environment();
    if (dbinit() == FAIL) throw std::runtime_error("cannot initialise db-lib");
    dberrhandle(on_library_error);
    dbmsghandle(on_server_message);
    dbsetlogintime(library_login_seconds);
    dbsetmaxprocs(max_connections);
    std::string path(connection_configuration_path);
    dbsetifile(path.data());
    for (const char* charset : kept_charsets) {
        const iconv_t converter = iconv_open("UTF-8", charset);
        // iconv_open() reports failure as the pointer -1. NOLINTNEXTLINE(performance-no-int-to-ptr)
        if (converter != reinterpret_cast<iconv_t>(-1)) converters_.push_back(converter);
    }
    warm_up();
}

FreetdsProcess::~FreetdsProcess() {
    for (iconv_t converter : converters_)
        iconv_close(converter);
    dbexit();
}

}  // namespace vitals::prober
