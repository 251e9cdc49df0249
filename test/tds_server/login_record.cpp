#include "tds_server/login_record.h"

#include "tds_server/byte_reader.h"
#include "tds_server/text_encoding.h"

namespace tds_server {

namespace {

constexpr std::uint8_t flag2_integrated = 0x80;
constexpr std::uint8_t type_read_only = 0x20;
constexpr std::uint8_t flag3_extension = 0x10;
constexpr std::uint8_t feature_end = 0xFF;

constexpr std::uint32_t code_7_1 = 0x71000000;
constexpr std::uint32_t code_7_1_revision_1 = 0x71000001;
constexpr std::uint32_t code_7_2 = 0x72090002;
constexpr std::uint32_t code_7_3a = 0x730A0003;
constexpr std::uint32_t code_7_3b = 0x730B0003;
constexpr std::uint32_t code_7_4 = 0x74000004;

TdsVersion negotiate(std::uint32_t asked) {
    if (asked >= code_7_4) return TdsVersion::v7_4;
    if (asked >= code_7_3b) return TdsVersion::v7_3b;
    if (asked >= code_7_3a) return TdsVersion::v7_3a;
    if (asked >= code_7_2) return TdsVersion::v7_2;
    if (asked >= code_7_1) return TdsVersion::v7_1;
    throw ProtocolError("the client speaks a TDS version before 7.1");
}

struct Field {
    std::size_t offset = 0;
    std::size_t length = 0;
};

Field read_field(ByteReader& reader) {
    Field field;
    field.offset = reader.u16();
    field.length = reader.u16();
    return field;
}

std::string_view bytes_of(std::string_view payload, std::size_t offset, std::size_t length) {
    ByteReader reader(payload);
    reader.raw(offset);
    return reader.raw(length);
}

std::string text_of(std::string_view payload, const Field& field) {
    return utf16le_to_utf8(bytes_of(payload, field.offset, field.length * 2));
}

// The protocol hides a password from the eye only: halves swapped, then every second bit inverted.
std::string password_of(std::string_view payload, const Field& field) {
    std::string bytes(bytes_of(payload, field.offset, field.length * 2));
    for (char& byte : bytes) {
        const auto plain = static_cast<unsigned char>(byte) ^ 0xA5U;
        byte = static_cast<char>(((plain << 4) | (plain >> 4)) & 0xFF);
    }
    return utf16le_to_utf8(bytes);
}

std::vector<std::uint8_t> read_features(std::string_view payload, const Field& extension) {
    ByteReader pointer(bytes_of(payload, extension.offset, sizeof(std::uint32_t)));
    ByteReader reader(payload);
    reader.raw(pointer.u32());
    std::vector<std::uint8_t> features;
    for (std::uint8_t feature = reader.u8(); feature != feature_end; feature = reader.u8()) {
        features.push_back(feature);
        reader.raw(reader.u32());
    }
    return features;
}

}  // namespace

LoginRecord parse_login(std::string_view payload) {
    ByteReader reader(payload);
    LoginRecord login;
    reader.u32();  // length
    login.version = negotiate(reader.u32());
    login.packet_size = reader.u32();
    reader.raw(12);  // version and process of the client, connection
    reader.u8();
    login.integrated = (reader.u8() & flag2_integrated) != 0;
    login.read_only_intent = (reader.u8() & type_read_only) != 0;
    login.asks_features = (reader.u8() & flag3_extension) != 0;
    reader.raw(8);  // time zone and locale
    login.host_name = text_of(payload, read_field(reader));
    login.user = text_of(payload, read_field(reader));
    login.password = password_of(payload, read_field(reader));
    login.app_name = text_of(payload, read_field(reader));
    login.server_name = text_of(payload, read_field(reader));
    const Field extension = read_field(reader);
    read_field(reader);  // name of the client library
    read_field(reader);  // language
    login.database = text_of(payload, read_field(reader));
    reader.raw(6);  // the client's network card
    const Field token = read_field(reader);
    login.integrated_token = std::string(bytes_of(payload, token.offset, token.length));
    if (login.asks_features) login.features = read_features(payload, extension);
    return login;
}

std::uint32_t version_code(TdsVersion version) noexcept {
    switch (version) {
        case TdsVersion::v7_1:
            return code_7_1_revision_1;
        case TdsVersion::v7_2:
            return code_7_2;
        case TdsVersion::v7_3a:
            return code_7_3a;
        case TdsVersion::v7_3b:
            return code_7_3b;
        case TdsVersion::v7_4:
            break;
    }
    return code_7_4;
}

}  // namespace tds_server
