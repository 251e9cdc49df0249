#include "tds_server/type_codec.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "tds_server/text_encoding.h"
#include "tds_server/value_text.h"

namespace tds_server {

namespace {

using namespace std::string_view_literals;

// Type tokens of the protocol: fixed length for NOT NULL columns, the "N" ones otherwise.
enum WireType : std::uint8_t {
    wire_guid = 0x24,
    wire_intn = 0x26,
    wire_date = 0x28,
    wire_time = 0x29,
    wire_datetime2 = 0x2A,
    wire_datetimeoffset = 0x2B,
    wire_int1 = 0x30,
    wire_bit = 0x32,
    wire_int2 = 0x34,
    wire_int4 = 0x38,
    wire_flt4 = 0x3B,
    wire_money = 0x3C,
    wire_datetime = 0x3D,
    wire_flt8 = 0x3E,
    wire_ntext = 0x63,
    wire_bitn = 0x68,
    wire_numericn = 0x6C,
    wire_fltn = 0x6D,
    wire_moneyn = 0x6E,
    wire_datetimn = 0x6F,
    wire_int8 = 0x7F,
    wire_varbinary = 0xA5,
    wire_varchar = 0xA7,
    wire_char = 0xAF,
    wire_nvarchar = 0xE7,
    wire_nchar = 0xEF
};

constexpr std::uint16_t length_max = 0xFFFF;  // (max) types, and NULL in the others
constexpr std::size_t most_bytes = 8000;
constexpr std::uint64_t plp_null = 0xFFFF'FFFF'FFFF'FFFF;
constexpr int money_scale = 4;
constexpr std::int64_t datetime_ticks_per_second = 300;

// Types of which only the length differs between NULL and NOT NULL columns.
struct FixedType {
    WireType fixed;
    WireType nullable;
    std::size_t size;
};

const FixedType* fixed_type(SqlType type) {
    static constexpr FixedType bit{wire_bit, wire_bitn, 1};
    static constexpr FixedType int1{wire_int1, wire_intn, 1};
    static constexpr FixedType int2{wire_int2, wire_intn, 2};
    static constexpr FixedType int4{wire_int4, wire_intn, 4};
    static constexpr FixedType int8{wire_int8, wire_intn, 8};
    static constexpr FixedType flt4{wire_flt4, wire_fltn, 4};
    static constexpr FixedType flt8{wire_flt8, wire_fltn, 8};
    static constexpr FixedType money{wire_money, wire_moneyn, 8};
    static constexpr FixedType datetime{wire_datetime, wire_datetimn, 8};
    switch (type) {
        case SqlType::bit:
            return &bit;
        case SqlType::tinyint:
            return &int1;
        case SqlType::smallint:
            return &int2;
        case SqlType::integer:
            return &int4;
        case SqlType::bigint:
            return &int8;
        case SqlType::real:
            return &flt4;
        case SqlType::float8:
            return &flt8;
        case SqlType::money:
            return &money;
        case SqlType::datetime:
            return &datetime;
        default:
            return nullptr;
    }
}

std::size_t decimal_size(int precision) {
    if (precision <= 9) return 5;
    if (precision <= 19) return 9;
    return precision <= 28 ? 13 : 17;
}

std::size_t time_size(int scale) {
    if (scale <= 2) return 3;
    return scale <= 4 ? 4 : 5;
}

std::int64_t power_of_ten(int exponent) {
    std::int64_t power = 1;
    for (; exponent > 0; --exponent)
        power *= 10;
    return power;
}

bool is_wide(SqlType type) {
    return type == SqlType::nchar || type == SqlType::nvarchar || type == SqlType::nvarchar_max;
}

bool is_string(SqlType type) {
    return is_wide(type) || type == SqlType::character || type == SqlType::varchar;
}

std::size_t byte_length(const ColumnType& type) {
    return static_cast<std::size_t>(std::max(type.length, 0)) * (is_wide(type.type) ? 2 : 1);
}

bool is_max(const ColumnType& type) {
    if (type.type == SqlType::nvarchar_max) return true;
    const bool variable =
        type.type == SqlType::nvarchar || type.type == SqlType::varchar || type.type == SqlType::varbinary;
    return variable && (type.length <= 0 || byte_length(type) > most_bytes);
}

WireType string_token(SqlType type) {
    switch (type) {
        case SqlType::varbinary:
            return wire_varbinary;
        case SqlType::character:
            return wire_char;
        case SqlType::varchar:
            return wire_varchar;
        case SqlType::nchar:
            return wire_nchar;
        default:
            return wire_nvarchar;
    }
}

std::string text_of(const Cell& cell) {
    struct Visitor {
        std::string operator()(std::monostate) const { return {}; }
        std::string operator()(bool value) const { return value ? "1" : "0"; }
        std::string operator()(std::int64_t value) const { return std::to_string(value); }
        std::string operator()(double value) const { return fmt::format("{}", value); }
        std::string operator()(const std::string& value) const { return value; }
    };
    return std::visit(Visitor{}, cell);
}

std::int64_t integer_of(const Cell& cell) {
    if (const auto* integer = std::get_if<std::int64_t>(&cell)) return *integer;
    if (const auto* boolean = std::get_if<bool>(&cell)) return *boolean ? 1 : 0;
    const ScaledNumber number = parse_decimal(text_of(cell), 0);
    if (number.magnitude > static_cast<Magnitude>(std::numeric_limits<std::int64_t>::max()))
        throw ValueError("the number does not fit in a bigint");
    const auto magnitude = static_cast<std::int64_t>(number.magnitude);
    return number.negative ? -magnitude : magnitude;
}

double double_of(const Cell& cell) {
    if (const auto* real = std::get_if<double>(&cell)) return *real;
    if (const auto* integer = std::get_if<std::int64_t>(&cell)) return static_cast<double>(*integer);
    try {
        return std::stod(text_of(cell));
    } catch (const std::logic_error&) {
        throw ValueError("\"" + text_of(cell) + "\" is not a float");
    }
}

void write_money(ByteWriter& writer, const Cell& cell) {
    const ScaledNumber number = parse_decimal(text_of(cell), money_scale);
    const auto units = static_cast<std::uint64_t>(number.magnitude);
    const std::uint64_t value = number.negative ? 0 - units : units;
    writer.u32(value >> 32);
    writer.u32(value & 0xFFFF'FFFF);
}

void write_datetime(ByteWriter& writer, const Cell& cell) {
    const Moment moment = parse_moment(text_of(cell));
    std::int64_t days = moment.days - days_until_1900;
    std::int64_t ticks =
        (moment.hundred_ns * datetime_ticks_per_second + hundred_ns_per_second / 2) / hundred_ns_per_second;
    constexpr std::int64_t ticks_per_day = 86'400 * datetime_ticks_per_second;
    if (ticks >= ticks_per_day) {
        ticks -= ticks_per_day;
        ++days;
    }
    writer.put(static_cast<std::int32_t>(days));
    writer.put(static_cast<std::uint32_t>(ticks));
}

void write_fixed(ByteWriter& writer, const Cell& cell, SqlType type, std::size_t size) {
    switch (type) {
        case SqlType::real:
            return writer.put(std::bit_cast<std::uint32_t>(static_cast<float>(double_of(cell))));
        case SqlType::float8:
            return writer.put(std::bit_cast<std::uint64_t>(double_of(cell)));
        case SqlType::money:
            return write_money(writer, cell);
        case SqlType::datetime:
            return write_datetime(writer, cell);
        default:
            return writer.put_low_bytes(static_cast<std::uint64_t>(integer_of(cell)), size);
    }
}

void write_decimal(ByteWriter& writer, const Cell& cell, const ColumnType& type) {
    const ScaledNumber number = parse_decimal(text_of(cell), type.scale);
    const std::size_t size = decimal_size(type.precision);
    writer.u8(size);
    writer.u8(number.negative ? 0 : 1);
    Magnitude rest = number.magnitude;
    for (std::size_t i = 1; i < size; ++i, rest >>= 8)
        writer.u8(static_cast<std::uint8_t>(rest & 0xFF));
    if (rest != 0) throw ValueError("\"" + text_of(cell) + "\" does not fit in the decimal column");
}

void write_time_part(ByteWriter& writer, std::int64_t hundred_ns, int scale) {
    const std::int64_t units = hundred_ns / power_of_ten(7 - scale);
    writer.put_low_bytes(static_cast<std::uint64_t>(units), time_size(scale));
}

void write_date_part(ByteWriter& writer, std::int32_t days) {
    writer.put_low_bytes(static_cast<std::uint64_t>(days), 3);
}

Moment to_utc(Moment moment) {
    moment.hundred_ns -= std::int64_t{moment.offset_minutes} * 60 * hundred_ns_per_second;
    if (moment.hundred_ns < 0) {
        moment.hundred_ns += hundred_ns_per_day;
        --moment.days;
    } else if (moment.hundred_ns >= hundred_ns_per_day) {
        moment.hundred_ns -= hundred_ns_per_day;
        ++moment.days;
    }
    return moment;
}

void write_moment(ByteWriter& writer, const Cell& cell, const ColumnType& type) {
    Moment moment = parse_moment(text_of(cell));
    const bool has_time = type.type != SqlType::date;
    const bool has_date = type.type != SqlType::time;
    const bool has_offset = type.type == SqlType::datetimeoffset;
    if (has_offset) moment = to_utc(moment);
    writer.u8((has_time ? time_size(type.scale) : 0) + (has_date ? 3 : 0) + (has_offset ? 2 : 0));
    if (has_time) write_time_part(writer, moment.hundred_ns, type.scale);
    if (has_date) write_date_part(writer, moment.days);
    if (has_offset) writer.put(static_cast<std::int16_t>(moment.offset_minutes));
}

std::string encode_string(const Cell& cell, const ColumnType& type) {
    const auto* own = std::get_if<std::string>(&cell);
    const std::string made = own != nullptr ? std::string() : text_of(cell);
    const std::string_view text = own != nullptr ? *own : made;
    if (type.type == SqlType::varbinary) return parse_hex(text);
    std::string bytes = is_wide(type.type) ? utf8_to_utf16le(text) : utf8_to_cp1252(text);
    if (!is_max(type) && bytes.size() > byte_length(type))
        throw ValueError(fmt::format("\"{}\" does not fit in {} characters", text, type.length));
    const bool padded = type.type == SqlType::nchar || type.type == SqlType::character;
    if (padded && is_wide(type.type)) {
        while (bytes.size() < byte_length(type))
            bytes += " \0"sv;
    } else if (padded) {
        bytes.resize(byte_length(type), ' ');
    }
    return bytes;
}

// nvarchar(max) before 7.2.
bool is_old_text(const ColumnType& type, TdsVersion version) noexcept {
    return version < TdsVersion::v7_2 && is_string(type.type) && is_max(type);
}

void write_string(ByteWriter& writer, const Cell& cell, const ColumnType& type, TdsVersion version) {
    const std::string bytes = encode_string(cell, type);
    if (is_old_text(type, version)) {
        // A text pointer and a timestamp that no client of today uses, but their room is part of the format.
        writer.u8(16);
        writer.fill(16 + 8, 'p');
        writer.u32(bytes.size());
    } else if (is_max(type)) {
        writer.u64(bytes.size());
        if (!bytes.empty()) writer.u32(bytes.size());
        writer.raw(bytes);
        writer.u32(0);
        return;
    } else {
        writer.u16(bytes.size());
    }
    writer.raw(bytes);
}

bool is_new_time(SqlType type) {
    return type == SqlType::date || type == SqlType::time || type == SqlType::datetime2 ||
           type == SqlType::datetimeoffset;
}

std::string moment_text(const Cell& cell, const ColumnType& type) {
    std::string text = format_moment(parse_moment(text_of(cell)), type.scale);
    if (type.type == SqlType::date) return text.substr(0, 10);
    if (type.type == SqlType::time) return text.substr(11, text.size() - 11 - 7);
    return type.type == SqlType::datetimeoffset ? text : text.substr(0, text.size() - 7);
}

int characters_of_time(const ColumnType& type) {
    const int fraction = type.scale > 0 ? type.scale + 1 : 0;
    switch (type.type) {
        case SqlType::date:
            return 10;
        case SqlType::time:
            return 8 + fraction;
        case SqlType::datetime2:
            return 19 + fraction;
        default:
            return 26 + fraction;
    }
}

// A client older than the type gets the nearest it knows: times as nvarchar before 7.3, ntext before 7.2.
ColumnType type_for_version(const ColumnType& type, TdsVersion version) {
    ColumnType result = type;
    if (is_new_time(type.type) && version < TdsVersion::v7_3a) {
        result.type = SqlType::nvarchar;
        result.length = characters_of_time(type);
    } else if (version < TdsVersion::v7_2 && is_string(type.type) && is_max(type)) {
        result.type = SqlType::nvarchar_max;
    } else if (version < TdsVersion::v7_2 && is_max(type)) {
        result.length = static_cast<int>(most_bytes);
    }
    return result;
}

void write_null(ByteWriter& writer, const ColumnType& type, TdsVersion version) {
    if (!type.nullable) throw ValueError("NULL in a NOT NULL column");
    const bool long_length = is_string(type.type) || type.type == SqlType::varbinary;
    if (!long_length || is_old_text(type, version))
        writer.u8(0);
    else if (is_max(type))
        writer.u64(plp_null);
    else
        writer.u16(length_max);
}

void write_string_info(ByteWriter& writer, const ColumnType& type, TdsVersion version) {
    if (is_old_text(type, version)) {
        writer.u8(wire_ntext);
        writer.u32(std::numeric_limits<std::int32_t>::max() - 1);
        writer.raw(default_collation());
        writer.u16(0);  // name of the table
        return;
    }
    writer.u8(string_token(type.type));
    writer.u16(is_max(type) ? length_max : byte_length(type));
    if (is_string(type.type)) writer.raw(default_collation());
}

}  // namespace

std::string_view default_collation() noexcept {
    return "\x09\x04\xD0\x00\x34"sv;
}

void write_type_info(ByteWriter& writer, const ColumnType& column_type, TdsVersion version) {
    const ColumnType type = type_for_version(column_type, version);
    if (const FixedType* fixed = fixed_type(type.type)) {
        writer.u8(type.nullable ? fixed->nullable : fixed->fixed);
        if (type.nullable) writer.u8(fixed->size);
        return;
    }
    switch (type.type) {
        case SqlType::decimal:
            writer.u8(wire_numericn);
            writer.u8(decimal_size(type.precision));
            writer.u8(static_cast<std::uint8_t>(type.precision));
            return writer.u8(static_cast<std::uint8_t>(type.scale));
        case SqlType::date:
            return writer.u8(wire_date);
        case SqlType::time:
            writer.u8(wire_time);
            return writer.u8(static_cast<std::uint8_t>(type.scale));
        case SqlType::datetime2:
            writer.u8(wire_datetime2);
            return writer.u8(static_cast<std::uint8_t>(type.scale));
        case SqlType::datetimeoffset:
            writer.u8(wire_datetimeoffset);
            return writer.u8(static_cast<std::uint8_t>(type.scale));
        case SqlType::uniqueidentifier:
            writer.u8(wire_guid);
            return writer.u8(16);
        default:
            return write_string_info(writer, type, version);
    }
}

void write_value(ByteWriter& writer, const Cell& cell, const ColumnType& column_type, TdsVersion version) {
    const ColumnType type = type_for_version(column_type, version);
    if (std::holds_alternative<std::monostate>(cell)) return write_null(writer, type, version);
    if (is_new_time(column_type.type) && type.type == SqlType::nvarchar)
        return write_string(writer, moment_text(cell, column_type), type, version);
    if (const FixedType* fixed = fixed_type(type.type)) {
        if (type.nullable) writer.u8(fixed->size);
        return write_fixed(writer, cell, type.type, fixed->size);
    }
    switch (type.type) {
        case SqlType::decimal:
            return write_decimal(writer, cell, type);
        case SqlType::date:
        case SqlType::time:
        case SqlType::datetime2:
        case SqlType::datetimeoffset:
            return write_moment(writer, cell, type);
        case SqlType::uniqueidentifier: {
            writer.u8(16);
            for (const unsigned char byte : parse_guid(text_of(cell)))
                writer.u8(byte);
            return;
        }
        default:
            return write_string(writer, cell, type, version);
    }
}

}  // namespace tds_server
