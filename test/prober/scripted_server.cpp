#include "scripted_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace vitals::prober::test {

namespace {

constexpr std::size_t header_size = 8;

bool read_exactly(int fd, std::string& bytes, std::size_t size) {
    bytes.resize(size);
    std::size_t got = 0;
    while (got < size) {
        const ssize_t count = recv(fd, bytes.data() + got, size - got, 0);
        if (count <= 0) return false;
        got += static_cast<std::size_t>(count);
    }
    return true;
}

unsigned byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes.at(at));
}
std::uint16_t little16(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(byte_at(bytes, at) | byte_at(bytes, at + 1) << 8U);
}
std::uint32_t little32(std::string_view bytes, std::size_t at) {
    return little16(bytes, at) | std::uint32_t{little16(bytes, at + 2)} << 16U;
}
std::string little16_text(std::size_t number) {
    return {static_cast<char>(number & 0xFFU), static_cast<char>(number >> 8U & 0xFFU)};
}
std::string utf16(std::string_view text) {
    std::string wide;
    for (const char c : text)
        wide.append({c, '\0'});
    return wide;
}

// A text of the record whose place and length stand at `at`.
std::string text_of(std::string_view login, std::size_t at) {
    const std::size_t place = little16(login, at);
    std::string text;
    for (std::size_t i = 0; i < little16(login, at + 2); ++i)
        text.push_back(login.at(place + 2 * i));
    return text;
}

}  // namespace

std::string TdsTalk::read_message() {
    std::string message;
    while (true) {
        std::string header;
        std::string body;
        if (!read_exactly(fd_, header, header_size)) return "";
        const std::size_t size = byte_at(header, 2) << 8U | byte_at(header, 3);
        if (size < header_size || !read_exactly(fd_, body, size - header_size)) return "";
        message += body;
        if ((byte_at(header, 1) & 1U) != 0) return message;
    }
}

void TdsTalk::send_message(std::string_view body, char type) {
    constexpr std::size_t packet_size = 4096;
    std::string packets;
    do {
        const std::string_view part = body.substr(0, packet_size - header_size);
        body.remove_prefix(part.size());
        const std::size_t size = header_size + part.size();
        const char last = body.empty() ? 1 : 0;
        packets += {type, last, static_cast<char>(size >> 8U), static_cast<char>(size & 0xFFU), 0, 1, 1, 0};
        packets += part;
    } while (!body.empty());
    send_bytes(packets);
}

void TdsTalk::send_bytes(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) throw std::runtime_error("cannot answer the client");
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

Login7 TdsTalk::read_login() {
    read_message();
    // VERSION and ENCRYPTION: not supported.
    send_message(std::string("\0\0\x0B\0\6\1\0\x11\0\1\xFF\x0F\0\0\0\0\0\2", 18));
    const std::string record = read_message();
    if (record.size() < 94) return {};
    Login7 login;
    login.packet_size = little32(record, 8);
    login.type_flags = byte_at(record, 26);
    login.user = text_of(record, 40);
    login.app_name = text_of(record, 48);
    login.database = text_of(record, 68);
    login.sspi = record.substr(little16(record, 78), little16(record, 80));
    return login;
}

std::string TdsTalk::login_done() {
    const std::string name = "Scripted";
    std::string ack = "\1" + std::string("\x74\0\0\4", 4) + static_cast<char>(name.size()) + utf16(name) +
                      std::string("\x0F\0\7\xD0", 4);
    return '\xAD' + little16_text(ack.size()) + ack + std::string("\xFD\0\0\0\0\0\0\0\0\0\0\0\0", 13);
}

std::string TdsTalk::routing(std::uint16_t port, const std::string& host) {
    std::string value(1, '\0');
    value += little16_text(port) + little16_text(host.size()) + utf16(host);
    std::string change = "\x14" + little16_text(value.size()) + value + std::string(2, '\0');
    return '\xE3' + little16_text(change.size()) + change;
}

std::string TdsTalk::sspi(std::string_view bytes) {
    return '\xED' + little16_text(bytes.size()) + std::string(bytes);
}

ScriptedServer::ScriptedServer(Script script, int talks) : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_.get(), generic, size) != 0 || listen(listener_.get(), 8) != 0 ||
        getsockname(listener_.get(), generic, &size) != 0)
        throw std::runtime_error("cannot listen");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, script = std::move(script), talks] { run(script, talks); });
}

ScriptedServer::~ScriptedServer() {
    // A client that never came does not keep the test.
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
}

void ScriptedServer::run(const Script& script, int talks) {
    for (; talks > 0; --talks) {
        const Fd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (connection.get() < 0) return;
        // Nor does one that says nothing.
        const timeval patience{20, 0};
        setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        TdsTalk talk(connection.get());
        try {
            script(talk);
        } catch (const std::exception&) {
            // The client went away; the test sees what it got.
        }
    }
}

}  // namespace vitals::prober::test
