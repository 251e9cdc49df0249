#include "tds_server/rpc_parameter.h"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <optional>

#include "tds_server/text_encoding.h"
#include "tds_server/value_text.h"

namespace tds_server {

namespace {

constexpr std::uint16_t length_max = 0xFFFF;
constexpr std::uint64_t plp_null = 0xFFFF'FFFF'FFFF'FFFF;
constexpr std::size_t collation_size = 5;
constexpr int money_scale = 4;

// The bytes of a value, nothing for NULL.
using Bytes = std::optional<std::string>;

Bytes with_short_length(ByteReader& reader) {
    const std::uint8_t length = reader.u8();
    if (length == 0) return std::nullopt;
    return std::string(reader.raw(length));
}

Bytes with_chunks(ByteReader& reader) {
    if (reader.u64() == plp_null) return std::nullopt;
    std::string bytes;
    for (std::uint32_t chunk = reader.u32(); chunk != 0; chunk = reader.u32())
        bytes += reader.raw(chunk);
    return bytes;
}

Bytes with_long_length(ByteReader& reader, std::uint16_t declared) {
    if (declared == length_max) return with_chunks(reader);
    const std::uint16_t length = reader.u16();
    if (length == length_max) return std::nullopt;
    return std::string(reader.raw(length));
}

Bytes with_four_byte_length(ByteReader& reader) {
    const std::uint32_t length = reader.u32();
    if (length == 0xFFFF'FFFF) return std::nullopt;
    return std::string(reader.raw(length));
}

std::string quoted(std::string_view text) {
    std::string literal = "N'";
    for (const char c : text)
        literal.append(c == '\'' ? 2 : 1, c);
    return literal += '\'';
}

std::int64_t integer_from(std::string_view bytes) {
    const std::uint64_t value = ByteReader(bytes).low_bytes(bytes.size());
    if (bytes.size() == 1) return static_cast<std::int64_t>(value);  // tinyint has no sign
    const auto shift = static_cast<unsigned>(64 - 8 * bytes.size());
    return static_cast<std::int64_t>(value << shift) >> shift;
}

std::string float_literal(std::string_view bytes) {
    ByteReader reader(bytes);
    if (bytes.size() == sizeof(float)) return fmt::format("{:e}", std::bit_cast<float>(reader.u32()));
    return fmt::format("{:.17e}", std::bit_cast<double>(reader.u64()));
}

std::string decimal_literal(std::string_view bytes, int scale) {
    ScaledNumber number;
    number.negative = bytes.front() == 0;
    for (std::size_t i = bytes.size(); i-- > 1;)
        number.magnitude = (number.magnitude << 8) | static_cast<unsigned char>(bytes[i]);
    return format_decimal(number, scale);
}

std::string money_literal(std::string_view bytes) {
    ByteReader reader(bytes);
    std::uint64_t units = reader.u32();
    if (bytes.size() == sizeof(std::uint64_t)) units = (units << 32) | reader.u32();
    const auto value = bytes.size() == sizeof(std::uint64_t)
                           ? static_cast<std::int64_t>(units)
                           : static_cast<std::int64_t>(static_cast<std::int32_t>(units));
    const Magnitude magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    return format_decimal({value < 0, magnitude}, money_scale);
}

std::string moment_literal(Moment moment, bool date, bool time) {
    const std::string text = format_moment(moment, 7);
    if (!time) return "'" + text.substr(0, 10) + "'";
    return "'" + (date ? text.substr(0, 27) : text.substr(11, 16)) + "'";
}

std::string datetime_literal(std::string_view bytes) {
    if (bytes.size() != 8) throw ProtocolError("a smalldatetime parameter has no decoder here");
    ByteReader reader(bytes);
    Moment moment;
    moment.days = static_cast<std::int32_t>(reader.u32()) + days_until_1900;
    moment.hundred_ns = std::int64_t{reader.u32()} * hundred_ns_per_second / 300;
    return moment_literal(moment, true, true);
}

std::string new_time_literal(std::string_view bytes, int scale, bool date, bool time) {
    ByteReader reader(bytes);
    Moment moment;
    if (time) {
        moment.hundred_ns = static_cast<std::int64_t>(reader.low_bytes(bytes.size() - (date ? 3 : 0)));
        for (int digit = scale; digit < 7; ++digit)
            moment.hundred_ns *= 10;
    }
    if (date) moment.days = static_cast<std::int32_t>(reader.low_bytes(3));
    return moment_literal(moment, date, time);
}

struct Value {
    Bytes bytes;
    std::string (*format)(std::string_view bytes, int scale) = nullptr;
    int scale = 0;
};

std::string integer_format(std::string_view bytes, int) {
    return std::to_string(integer_from(bytes));
}
std::string float_format(std::string_view bytes, int) {
    return float_literal(bytes);
}
std::string money_format(std::string_view bytes, int) {
    return money_literal(bytes);
}
std::string wide_format(std::string_view bytes, int) {
    return utf16le_to_utf8(bytes);
}
std::string narrow_format(std::string_view bytes, int) {
    return cp1252_to_utf8(bytes);
}
std::string hex_format(std::string_view bytes, int) {
    return format_hex(bytes);
}
std::string guid_format(std::string_view bytes, int) {
    return "'" + format_guid(bytes) + "'";
}
std::string datetime_format(std::string_view bytes, int) {
    return datetime_literal(bytes);
}
std::string date_format(std::string_view bytes, int) {
    return new_time_literal(bytes, 0, true, false);
}
std::string time_format(std::string_view bytes, int scale) {
    return new_time_literal(bytes, scale, false, true);
}
std::string datetime2_format(std::string_view bytes, int scale) {
    return new_time_literal(bytes, scale, true, true);
}

Value read_sized(ByteReader& reader, std::string (*format)(std::string_view, int)) {
    reader.u8();  // greatest size
    return {with_short_length(reader), format};
}

Value read_string(ByteReader& reader, bool collated, std::string (*format)(std::string_view, int)) {
    const std::uint16_t declared = reader.u16();
    if (collated) reader.raw(collation_size);
    return {with_long_length(reader, declared), format};
}

Value read_decimal(ByteReader& reader) {
    reader.u16();  // greatest size, precision
    const int scale = reader.u8();
    return {with_short_length(reader), decimal_literal, scale};
}

Value read_scaled_time(ByteReader& reader, std::string (*format)(std::string_view, int)) {
    const int scale = reader.u8();
    return {with_short_length(reader), format, scale};
}

Value read_fixed(ByteReader& reader, std::size_t size, std::string (*format)(std::string_view, int)) {
    return {std::string(reader.raw(size)), format};
}

Value read_value(ByteReader& reader, std::uint8_t type) {
    switch (type) {
        case 0x1F:
            return {};
        case 0x24:
            return read_sized(reader, guid_format);
        case 0x26:
        case 0x68:
            return read_sized(reader, integer_format);
        case 0x28:
            return {with_short_length(reader), date_format};
        case 0x29:
            return read_scaled_time(reader, time_format);
        case 0x2A:
            return read_scaled_time(reader, datetime2_format);
        case 0x30:
        case 0x32:
            return read_fixed(reader, 1, integer_format);
        case 0x34:
            return read_fixed(reader, 2, integer_format);
        case 0x38:
            return read_fixed(reader, 4, integer_format);
        case 0x3E:
            return read_fixed(reader, 8, float_format);
        case 0x63:
            reader.u32();
            reader.raw(collation_size);
            return {with_four_byte_length(reader), wide_format};
        case 0x6A:
        case 0x6C:
            return read_decimal(reader);
        case 0x6D:
            return read_sized(reader, float_format);
        case 0x6E:
            return read_sized(reader, money_format);
        case 0x6F:
            return read_sized(reader, datetime_format);
        case 0x7F:
            return read_fixed(reader, 8, integer_format);
        case 0xA5:
        case 0xAD:
            return read_string(reader, false, hex_format);
        case 0xA7:
        case 0xAF:
            return read_string(reader, true, narrow_format);
        case 0xE7:
        case 0xEF:
            return read_string(reader, true, wide_format);
        default:
            throw ProtocolError(fmt::format("a parameter has type 0x{:02X}, which has no decoder here", type));
    }
}

bool is_text(const Value& value) {
    return value.format == wide_format || value.format == narrow_format;
}

}  // namespace

RpcParameter read_rpc_parameter(ByteReader& reader) {
    RpcParameter parameter;
    const std::size_t name_length = reader.u8();
    parameter.name = utf16le_to_utf8(reader.raw(name_length * 2));
    reader.u8();  // by reference, default
    const Value value = read_value(reader, reader.u8());
    if (!value.bytes) {
        parameter.literal = "NULL";
        return parameter;
    }
    parameter.literal = value.format(*value.bytes, value.scale);
    if (is_text(value)) {
        parameter.text = parameter.literal;
        parameter.literal = quoted(parameter.text);
    }
    return parameter;
}

}  // namespace tds_server
