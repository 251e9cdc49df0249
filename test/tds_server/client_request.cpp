#include "tds_server/client_request.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>

#include "tds_server/byte_reader.h"
#include "tds_server/rpc_parameter.h"
#include "tds_server/text_encoding.h"

namespace tds_server {

namespace {

constexpr std::uint16_t procedure_by_number = 0xFFFF;
constexpr std::array<std::string_view, 16> numbered_procedures{{
    "",
    "sp_cursor",
    "sp_cursoropen",
    "sp_cursorprepare",
    "sp_cursorexecute",
    "sp_cursorprepexec",
    "sp_cursorunprepare",
    "sp_cursorfetch",
    "sp_cursoroption",
    "sp_cursorclose",
    "sp_executesql",
    "sp_prepare",
    "sp_execute",
    "sp_prepexec",
    "sp_prepexecrpc",
    "sp_unprepare",
}};

void skip_headers(ByteReader& reader, TdsVersion version) {
    if (version < TdsVersion::v7_2) return;
    const std::uint32_t length = reader.u32();
    if (length < sizeof length) throw ProtocolError("the headers of a request are shorter than their length");
    reader.raw(length - sizeof length);
}

std::string procedure_name(ByteReader& reader) {
    const std::uint16_t length = reader.u16();
    if (length != procedure_by_number) return utf16le_to_utf8(reader.raw(std::size_t{length} * 2));
    const std::uint16_t number = reader.u16();
    if (number == 0 || number >= numbered_procedures.size()) throw ProtocolError("unknown procedure number");
    return std::string(numbered_procedures.at(number));
}

bool is_name_character(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return std::isalnum(byte) != 0 || c == '_' || c == '@' || c == '#' || c == '$' || byte >= 0x80;
}

bool equal_names(std::string_view a, std::string_view b) {
    const auto same = [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
    };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

// The length of what must not be touched at the start of text: a quoted part, a name, or one character.
std::size_t piece_length(std::string_view text) {
    const char first = text.front();
    if (first == '\'' || first == '"' || first == '[') {
        const std::size_t end = text.find(first == '[' ? ']' : first, 1);
        return end == std::string_view::npos ? text.size() : end + 1;
    }
    const auto end = std::find_if_not(text.begin(), text.end(), is_name_character);
    return std::max<std::size_t>(1, static_cast<std::size_t>(end - text.begin()));
}

}  // namespace

std::string parse_batch(std::string_view payload, TdsVersion version) {
    ByteReader reader(payload);
    skip_headers(reader, version);
    return utf16le_to_utf8(reader.raw(reader.left()));
}

RpcRequest parse_rpc(std::string_view payload, TdsVersion version) {
    ByteReader reader(payload);
    skip_headers(reader, version);
    RpcRequest request;
    request.procedure = procedure_name(reader);
    reader.u16();  // options
    while (!reader.at_end())
        request.parameters.push_back(read_rpc_parameter(reader));
    return request;
}

TransactionStep parse_transaction(std::string_view payload) {
    ByteReader reader(payload);
    skip_headers(reader, TdsVersion::v7_2);
    return static_cast<TransactionStep>(reader.u16());
}

std::string substitute_parameters(std::string_view sql, const std::vector<RpcParameter>& parameters) {
    std::string result;
    while (!sql.empty()) {
        const std::string_view piece = sql.substr(0, piece_length(sql));
        const auto parameter = std::find_if(parameters.begin(), parameters.end(),
                                            [&](const RpcParameter& p) { return equal_names(p.name, piece); });
        result += parameter == parameters.end() ? piece : std::string_view(parameter->literal);
        sql.remove_prefix(piece.size());
    }
    return result;
}

}  // namespace tds_server
