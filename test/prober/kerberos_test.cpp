// Logins by Kerberos with a real key distribution centre (MIT's) on loopback, through the program in its sandbox. The
// server at the other end accepts the ticket with its own key, as a SQL Server would.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "mssql_test_support.h"
#include "prober/freetds/kerberos_login.h"
#include "prober_child.h"
#include "scripted_server.h"
#include "temporary_directory.h"

namespace vitals::prober {
namespace {

using test::ProberChild;
using test::ScriptedServer;
using test::TdsTalk;

constexpr const char* service = "MSSQLSvc/localhost:1433";

// A port that was free a moment ago, for TCP and UDP.
int free_port() {
    const test::Fd tcp(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const test::Fd udp(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(tcp.get(), generic, size) != 0 || getsockname(tcp.get(), generic, &size) != 0 ||
        bind(udp.get(), generic, size) != 0)
        throw std::runtime_error("no port is free");
    return ntohs(address.sin_port);
}

std::string program(const char* name) {
    for (const char* directory : {"/usr/sbin/", "/usr/bin/", "/sbin/"}) {
        const std::string path = std::string(directory) + name;
        if (access(path.c_str(), X_OK) == 0) return path;
    }
    return "";
}

// A realm with one user and one service.
class Realm {
  public:
    Realm() : port_(free_port()) {
        write("krb5.conf",
              "[libdefaults]\n default_realm = VITALS.TEST\n dns_lookup_kdc = false\n dns_lookup_realm = false\n"
              " dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1465\n"
              "[realms]\n VITALS.TEST = {\n  kdc = 127.0.0.1:" +
                  std::to_string(port_) + "\n }\n");
        write("kdc.conf",
              "[kdcdefaults]\n kdc_listen = 127.0.0.1:" + std::to_string(port_) + "\n kdc_tcp_listen = 127.0.0.1:" +
                  std::to_string(port_) + "\n[realms]\n VITALS.TEST = {\n database_name = " + directory_.file("db") +
                  "\n key_stash_file = " + directory_.file("stash") + "\n acl_file = " + directory_.file("acl") +
                  "\n supported_enctypes = aes256-cts:normal\n}\n[logging]\n kdc = FILE:" + directory_.file("log") +
                  "\n");
        run({program("kdb5_util"), "create", "-s", "-P", "master", "-r", "VITALS.TEST"});
        admin("addprinc -pw secret monitor");
        admin(std::string("addprinc -randkey ") + service);
        admin("ktadd -k " + directory_.file("service.keytab") + " " + service);
        admin("ktadd -k " + directory_.file("client.keytab") + " -norandkey monitor");
        kdc_ = spawn({program("krb5kdc"), "-n", "-r", "VITALS.TEST"});
        await_kdc();
    }
    ~Realm() { stop(); }
    Realm(const Realm&) = delete;
    Realm& operator=(const Realm&) = delete;

    void stop() {
        if (kdc_ <= 0) return;
        kill(kdc_, SIGKILL);
        waitpid(kdc_, nullptr, 0);
        kdc_ = -1;
    }
    // It accepts connections and datagrams, and answers none.
    void hang() const { kill(kdc_, SIGSTOP); }
    [[nodiscard]] std::string file(const std::string& name) const { return directory_.file(name); }
    [[nodiscard]] int port() const noexcept { return port_; }

  private:
    void write(const std::string& name, const std::string& text) { std::ofstream(directory_.file(name)) << text; }

    pid_t spawn(std::vector<std::string> words) const {
        std::vector<char*> arguments;
        for (std::string& word : words)
            arguments.push_back(word.data());
        arguments.push_back(nullptr);
        std::string config = "KRB5_CONFIG=" + directory_.file("krb5.conf");
        std::string kdc_config = "KRB5_KDC_PROFILE=" + directory_.file("kdc.conf");
        std::string path = "PATH=/usr/sbin:/usr/bin";
        const std::array<char*, 4> environment{config.data(), kdc_config.data(), path.data(), nullptr};
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        for (const int fd : {1, 2})
            posix_spawn_file_actions_addopen(&actions, fd, directory_.file("output").c_str(),
                                             O_WRONLY | O_CREAT | O_APPEND, 0600);
        pid_t child = -1;
        const int error =
            posix_spawn(&child, words.front().c_str(), &actions, nullptr, arguments.data(), environment.data());
        posix_spawn_file_actions_destroy(&actions);
        if (error != 0) throw std::runtime_error("cannot run " + words.front());
        return child;
    }
    void run(const std::vector<std::string>& words) const {
        int status = 0;
        waitpid(spawn(words), &status, 0);
        if (status != 0) {
            std::ifstream output(directory_.file("output"));
            throw std::runtime_error(words.front() +
                                     " failed: " + std::string(std::istreambuf_iterator<char>(output), {}));
        }
    }
    void admin(const std::string& query) const { run({program("kadmin.local"), "-r", "VITALS.TEST", "-q", query}); }

    void await_kdc() const {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (std::chrono::steady_clock::now() < give_up) {
            const test::Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_port = htons(static_cast<std::uint16_t>(port_));
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return;
            poll(nullptr, 0, 20);
        }
        throw std::runtime_error("the KDC does not listen");
    }

    TemporaryDirectory directory_;
    int port_;
    pid_t kdc_ = -1;
};

// Whom a ticket is of, by the service's own key; a reason in brackets if it is not accepted.
std::string accept_ticket(const Realm& realm, const std::string& token) {
    // Nothing of Kerberos runs in another thread of the tests. NOLINTNEXTLINE(concurrency-mt-unsafe)
    setenv("KRB5_CONFIG", realm.file("krb5.conf").c_str(), 1);
    const std::string keytab = "FILE:" + realm.file("service.keytab");
    std::array<gss_key_value_element_desc, 2> elements{{{"keytab", keytab.c_str()}, {"rcache", "none:"}}};
    const gss_key_value_set_desc store{elements.size(), elements.data()};
    OM_uint32 minor = 0;
    gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
    if (GSS_ERROR(gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, GSS_C_NO_OID_SET, GSS_C_ACCEPT, &store,
                                        &credential, nullptr, nullptr)) != 0)
        return "[no key]";
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    gss_buffer_desc input{token.size(), const_cast<char*>(token.data())};
    gss_buffer_desc output = GSS_C_EMPTY_BUFFER;
    gss_name_t client = GSS_C_NO_NAME;
    std::string name = "[not accepted]";
    const OM_uint32 major = gss_accept_sec_context(&minor, &context, credential, &input, GSS_C_NO_CHANNEL_BINDINGS,
                                                   &client, nullptr, &output, nullptr, nullptr, nullptr);
    if (GSS_ERROR(major) == 0) {
        gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
        gss_display_name(&minor, client, &text, nullptr);
        name.assign(static_cast<const char*>(text.value), text.length);
        gss_release_buffer(&minor, &text);
    }
    gss_release_buffer(&minor, &output);
    gss_release_name(&minor, &client);
    gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
    gss_release_cred(&minor, &credential);
    return name;
}

class Kerberos : public testing::Test {
  protected:
    void SetUp() override {
        for (const char* name : {"krb5kdc", "kdb5_util", "kadmin.local"}) {
            if (program(name).empty()) GTEST_SKIP() << name << " is not installed";
        }
        realm_.emplace();
    }

    core::Job job(std::uint16_t port) const {
        core::Job job;
        job.id = 1;
        job.connector = "mssql";
        job.target = "t";
        job.host = "127.0.0.1";
        job.port = port;
        job.username = "monitor@VITALS.TEST";
        job.password = core::Secret("secret");
        job.deadline = std::chrono::seconds(10);
        job.options = {{"auth", "kerberos"}, {"encrypt", "off"}, {"server_spn", service}};
        return job;
    }

    core::Result run(const core::Job& job, const std::vector<std::string>& more = {}) const {
        std::vector<std::string> flags{"--krb5-config", realm_->file("krb5.conf")};
        flags.insert(flags.end(), more.begin(), more.end());
        ProberChild child = ProberChild::on_socket(flags);
        child.read_hello();
        child.send(core::encode(job));
        return child.read_result(std::chrono::seconds(20));
    }

    // Who logged in at a server with the job, or why nobody did.
    std::string login_of(const std::function<void(core::Job&)>& change, const std::vector<std::string>& flags = {}) {
        test::Login7 login;
        {
            ScriptedServer server([&](TdsTalk& talk) { login = talk.read_login(); });
            core::Job made = job(server.port());
            change(made);
            result_ = run(made, flags);
        }
        EXPECT_EQ(login.user, "");
        return login.sspi.empty() ? "[no ticket]" : accept_ticket(*realm_, login.sspi);
    }

    std::optional<Realm> realm_;
    core::Result result_;
};

TEST_F(Kerberos, TicketByPassword) {
    EXPECT_EQ(login_of([](core::Job&) {}), "monitor@VITALS.TEST") << message_of(result_);
    EXPECT_EQ(class_of(result_), "connection_lost") << "the server hung up after the login: " << message_of(result_);
}

TEST_F(Kerberos, TicketByKeytab) {
    const std::vector<std::string> flags{"--keytab", realm_->file("client.keytab")};
    EXPECT_EQ(login_of([](core::Job& job) { job.password = core::Secret(); }, flags), "monitor@VITALS.TEST")
        << message_of(result_);
}

// How many of the prober's caches hold tickets in this process.
std::size_t caches_in_memory() {
    krb5_context context = nullptr;
    if (krb5_init_context(&context) != 0) throw std::runtime_error("libkrb5 does not start");
    std::size_t count = 0;
    for (int number = 1; number <= 100; ++number) {
        krb5_ccache cache = nullptr;
        krb5_principal owner = nullptr;
        krb5_cc_resolve(context, ("MEMORY:vitals_" + std::to_string(number)).c_str(), &cache);
        if (krb5_cc_get_principal(context, cache, &owner) == 0) ++count;
        krb5_free_principal(context, owner);
        krb5_cc_close(context, cache);
    }
    krb5_free_context(context);
    return count;
}

// The thread that got the ticket may be the last one that lets go of it.
bool comes_to(std::size_t caches) {
    const Deadline deadline = Deadline::after(ample_deadline);
    while (caches_in_memory() != caches && !deadline.passed())
        poll(nullptr, 0, 5);
    return caches_in_memory() == caches;
}

// A connection that is lost again and again would leave one each time.
TEST_F(Kerberos, TicketsOfAKeytabAreNotKept) {
    // Nothing of Kerberos runs in another thread of the tests. NOLINTNEXTLINE(concurrency-mt-unsafe)
    setenv("KRB5_CONFIG", realm_->file("krb5.conf").c_str(), 1);
    std::string name = service;
    gss_buffer_desc text{name.size(), name.data()};
    OM_uint32 minor = 0;
    gss_name_t target = GSS_C_NO_NAME;
    ASSERT_EQ(gss_import_name(&minor, &text, const_cast<gss_OID>(GSS_KRB5_NT_PRINCIPAL_NAME), &target), GSS_S_COMPLETE);
    for (int logins = 0; logins < 2; ++logins) {
        KerberosLogin login({"monitor@VITALS.TEST", core::Secret(), realm_->file("client.keytab")}, LeftBehind(1));
        gss_ctx_id_t context = GSS_C_NO_CONTEXT;
        gss_buffer_desc output = GSS_C_EMPTY_BUFFER;
        const SecurityContextCall call{.context = &context, .target = target, .output = &output};
        const OM_uint32 status = login.step(&minor, call, Deadline::after(ample_deadline));
        EXPECT_EQ(GSS_ERROR(status), 0U) << login.failure().value_or(core::Failure{}).message;
        EXPECT_TRUE(comes_to(1));
        gss_release_buffer(&minor, &output);
        gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
    }
    EXPECT_TRUE(comes_to(0));
    gss_release_name(&minor, &target);
}

TEST_F(Kerberos, NothingToProveIt) {
    EXPECT_EQ(login_of([](core::Job& job) { job.password = core::Secret(); }), "[no ticket]");
    EXPECT_EQ(class_of(result_), "configuration") << message_of(result_);
    EXPECT_NE(message_of(result_).find("vitals.keytab_directory"), std::string::npos);
}

TEST_F(Kerberos, WrongPassword) {
    EXPECT_EQ(login_of([](core::Job& job) { job.password = core::Secret("wrong"); }), "[no ticket]");
    EXPECT_EQ(class_of(result_), "login") << message_of(result_);
    EXPECT_EQ(message_of(result_).find("wrong"), std::string::npos);
}

TEST_F(Kerberos, UnknownService) {
    EXPECT_EQ(login_of([](core::Job& job) { job.options["server_spn"] = "MSSQLSvc/other:1433"; }), "[no ticket]");
    EXPECT_EQ(class_of(result_), "login") << message_of(result_);
    EXPECT_NE(message_of(result_).find("MSSQLSvc/other:1433"), std::string::npos) << message_of(result_);
}

TEST_F(Kerberos, KdcIsDown) {
    realm_->stop();
    EXPECT_EQ(login_of([](core::Job&) {}), "[no ticket]");
    EXPECT_EQ(class_of(result_), "unreachable") << message_of(result_);
}

TEST_F(Kerberos, KdcHangs) {
    realm_->hang();
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(login_of([](core::Job& job) { job.deadline = std::chrono::milliseconds(800); }), "[no ticket]");
    EXPECT_EQ(class_of(result_), "timeout") << message_of(result_);
    EXPECT_NE(message_of(result_).find("key distribution centre"), std::string::npos) << message_of(result_);
    EXPECT_LT(result_.duration_ms, 800 + static_cast<double>(lateness.count()));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(15));
}

TEST_F(Kerberos, KdcMustBeAnAllowedTarget) {
    EXPECT_EQ(login_of([](core::Job&) {}, {"--allowed-targets", "all, !all:" + std::to_string(realm_->port())}),
              "[no ticket]");
    EXPECT_EQ(class_of(result_), "unreachable") << message_of(result_);
}

}  // namespace
}  // namespace vitals::prober
