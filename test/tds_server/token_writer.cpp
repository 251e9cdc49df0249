#include "tds_server/token_writer.h"

#include <algorithm>

#include "tds_server/server_version.h"
#include "tds_server/text_encoding.h"
#include "tds_server/type_codec.h"
#include "tds_server/value_text.h"

namespace tds_server {

namespace {

enum Token : std::uint8_t {
    token_return_status = 0x79,
    token_columns = 0x81,
    token_error = 0xAA,
    token_info = 0xAB,
    token_return_value = 0xAC,
    token_login_ack = 0xAD,
    token_feature_ack = 0xAE,
    token_row = 0xD1,
    token_row_with_nulls = 0xD2,
    token_environment = 0xE3,
    token_integrated = 0xED
};

constexpr std::uint8_t feature_utf8 = 0x0A;
constexpr std::uint8_t feature_end = 0xFF;
constexpr std::uint8_t interface_tsql = 1;
constexpr std::uint16_t column_nullable = 0x01;
constexpr std::uint16_t column_updatable_unknown = 0x08;
constexpr std::size_t longest_short_text = 255;
constexpr std::size_t longest_long_text = 32'000;
constexpr int first_error_level = 11;
constexpr std::uint8_t curcmd_select = 0xC1;

// Texts with a length of one or two bytes, in characters.
void short_text(ByteWriter& writer, std::string_view text) {
    const std::string bytes = utf8_to_utf16le(text);
    const std::size_t units = std::min(bytes.size() / 2, longest_short_text);
    writer.u8(units);
    writer.raw(std::string_view(bytes).substr(0, units * 2));
}

void long_text(ByteWriter& writer, std::string_view text) {
    const std::string bytes = utf8_to_utf16le(text);
    const std::size_t units = std::min(bytes.size() / 2, longest_long_text);
    writer.u16(units);
    writer.raw(std::string_view(bytes).substr(0, units * 2));
}

void with_length(ByteWriter& writer, Token token, ByteWriter&& body) {
    const std::string bytes = body.take();
    writer.u8(token);
    writer.u16(bytes.size());
    writer.raw(bytes);
}

bool is_null(const Cell& cell) {
    return std::holds_alternative<std::monostate>(cell);
}

}  // namespace

void TokenWriter::login_ack() {
    ByteWriter body;
    body.u8(interface_tsql);
    body.u32_big(version_code(version_));
    short_text(body, "Microsoft SQL Server");
    body.u8(server_version_major);
    body.u8(server_version_minor);
    body.u16_big(server_version_build);
    with_length(bytes_, token_login_ack, std::move(body));
}

void TokenWriter::integrated(std::string_view message) {
    ByteWriter body;
    body.raw(message);
    with_length(bytes_, token_integrated, std::move(body));
}

void TokenWriter::environment_text(EnvironmentChange change, std::string_view new_value, std::string_view old_value) {
    ByteWriter body;
    body.u8(static_cast<std::uint8_t>(change));
    short_text(body, new_value);
    short_text(body, old_value);
    with_length(bytes_, token_environment, std::move(body));
}

void TokenWriter::environment_bytes(EnvironmentChange change, std::string_view new_value, std::string_view old_value) {
    ByteWriter body;
    body.u8(static_cast<std::uint8_t>(change));
    body.u8(new_value.size());
    body.raw(new_value);
    body.u8(old_value.size());
    body.raw(old_value);
    with_length(bytes_, token_environment, std::move(body));
}

void TokenWriter::feature_acks(const std::vector<std::uint8_t>& asked) {
    bytes_.u8(token_feature_ack);
    if (std::find(asked.begin(), asked.end(), feature_utf8) != asked.end()) {
        bytes_.u8(feature_utf8);
        bytes_.u32(1);
        bytes_.u8(1);
    }
    bytes_.u8(feature_end);
}

void TokenWriter::message(const ServerMessage& message, std::string_view server_name) {
    ByteWriter body;
    body.u32(static_cast<std::uint32_t>(message.number));
    body.u8(static_cast<std::uint8_t>(message.state));
    body.u8(static_cast<std::uint8_t>(message.level));
    long_text(body, message.text);
    short_text(body, server_name);
    short_text(body, "");  // procedure
    if (version_ >= TdsVersion::v7_2)
        body.u32(1);
    else
        body.u16(1);
    with_length(bytes_, message.level >= first_error_level ? token_error : token_info, std::move(body));
}

void TokenWriter::columns(const std::vector<Column>& columns) {
    bytes_.u8(token_columns);
    bytes_.u16(columns.size());
    for (const Column& column : columns) {
        if (version_ >= TdsVersion::v7_2)
            bytes_.u32(0);
        else
            bytes_.u16(0);
        bytes_.u16(column_updatable_unknown | (column.type.nullable ? column_nullable : 0U));
        write_type_info(bytes_, column.type, version_);
        short_text(bytes_, column.name);
    }
}

void TokenWriter::row(const std::vector<Column>& columns, const Row& row) {
    if (row.size() != columns.size()) throw std::invalid_argument("a row has not as many values as there are columns");
    const bool with_nulls = version_ >= TdsVersion::v7_3b && std::any_of(row.begin(), row.end(), is_null);
    const std::size_t before = bytes_.size();
    bytes_.u8(with_nulls ? token_row_with_nulls : token_row);
    if (with_nulls) {
        std::string nulls((columns.size() + 7) / 8, '\0');
        for (std::size_t i = 0; i < row.size(); ++i)
            if (is_null(row[i])) nulls[i / 8] = static_cast<char>(nulls[i / 8] | (1 << (i % 8)));
        bytes_.raw(nulls);
    }
    try {
        for (std::size_t i = 0; i < row.size(); ++i)
            if (!with_nulls || !is_null(row[i])) write_value(bytes_, row[i], columns[i].type, version_);
    } catch (const ValueError&) {
        bytes_.cut(before);
        throw;
    }
}

void TokenWriter::return_status(std::int32_t value) {
    bytes_.u8(token_return_status);
    bytes_.put(value);
}

void TokenWriter::return_value(std::string_view parameter, std::int32_t value) {
    bytes_.u8(token_return_value);
    bytes_.u16(0);
    short_text(bytes_, parameter);
    bytes_.u8(1);  // an output parameter, not the result of a function
    if (version_ >= TdsVersion::v7_2)
        bytes_.u32(0);
    else
        bytes_.u16(0);
    bytes_.u16(0);
    const ColumnType integer{};
    write_type_info(bytes_, integer, version_);
    write_value(bytes_, std::int64_t{value}, integer, version_);
}

void TokenWriter::done(DoneToken token, std::uint16_t status, std::uint64_t rows) {
    bytes_.u8(static_cast<std::uint8_t>(token));
    bytes_.u16(status);
    bytes_.u16((status & done_count) != 0 ? curcmd_select : 0U);
    if (version_ >= TdsVersion::v7_2)
        bytes_.u64(rows);
    else
        bytes_.u32(rows);
}

}  // namespace tds_server
