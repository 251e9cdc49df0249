#include "tds_server/prelogin.h"

#include <utility>
#include <vector>

#include "tds_server/byte_reader.h"
#include "tds_server/byte_writer.h"
#include "tds_server/server_version.h"

namespace tds_server {

namespace {

enum PreloginOption : std::uint8_t { version = 0, encryption = 1, instance = 2, thread_id = 3, mars = 4, end = 0xFF };

constexpr std::size_t option_entry_size = 5;

Encryption encryption_from_byte(std::uint8_t byte) {
    // The high bits announce client certificates, which SQL Server has never used in TDS 7.
    switch (byte & 0x3F) {
        case 0:
            return Encryption::login_only;
        case 1:
        case 3:
            return Encryption::on;
        default:
            return Encryption::not_supported;
    }
}

class PreloginWriter {
  public:
    void add(PreloginOption option, std::string data) { options_.push_back({option, std::move(data)}); }

    std::string take() {
        ByteWriter writer;
        std::size_t offset = options_.size() * option_entry_size + 1;
        for (const auto& [option, data] : options_) {
            writer.u8(option);
            writer.u16_big(offset);
            writer.u16_big(data.size());
            offset += data.size();
        }
        writer.u8(PreloginOption::end);
        for (const auto& entry : options_)
            writer.raw(entry.second);
        return writer.take();
    }

  private:
    std::vector<std::pair<PreloginOption, std::string>> options_;
};

}  // namespace

std::optional<TlsMode> tls_mode_from_text(std::string_view text) {
    if (text == "off") return TlsMode::off;
    if (text == "login-only") return TlsMode::login_only;
    if (text == "request" || text == "on") return TlsMode::request;
    if (text == "require") return TlsMode::require;
    if (text == "strict") return TlsMode::strict;
    return std::nullopt;
}

EncryptionAnswer answer_encryption(TlsMode mode, Encryption asked, bool downgrade) {
    const bool able = asked != Encryption::not_supported;
    if (downgrade) return {Encryption::login_only, able, false, false};
    switch (mode) {
        case TlsMode::off:
            return {Encryption::not_supported, false, false, false};
        case TlsMode::login_only:
            if (!able) return {Encryption::not_supported, false, false, false};
            return {asked, true, asked == Encryption::on, false};
        case TlsMode::request:
            if (!able) return {Encryption::not_supported, false, false, false};
            break;
        case TlsMode::require:
        case TlsMode::strict:
            if (!able) return {Encryption::required, false, false, true};
            break;
    }
    return {asked == Encryption::on ? Encryption::on : Encryption::required, true, true, false};
}

Encryption parse_prelogin(std::string_view payload) {
    ByteReader options(payload);
    while (true) {
        const std::uint8_t option = options.u8();
        if (option == PreloginOption::end) return Encryption::not_supported;
        const std::size_t offset = options.u16_big();
        const std::size_t length = options.u16_big();
        if (option != PreloginOption::encryption || length == 0) continue;
        ByteReader data(payload);
        data.raw(offset);
        return encryption_from_byte(data.u8());
    }
}

std::string prelogin_reply(Encryption offered) {
    ByteWriter version_data;
    version_data.u8(server_version_major);
    version_data.u8(server_version_minor);
    version_data.u16_big(server_version_build);
    version_data.u16_big(0);
    PreloginWriter reply;
    reply.add(PreloginOption::version, version_data.take());
    reply.add(PreloginOption::encryption, std::string(1, static_cast<char>(offered)));
    reply.add(PreloginOption::instance, std::string(1, '\0'));
    reply.add(PreloginOption::thread_id, {});
    reply.add(PreloginOption::mars, std::string(1, '\0'));
    return reply.take();
}

}  // namespace tds_server
