// How each SQL type looks on the wire, in COLMETADATA and in a row, for every TDS version from 7.1 on.
#pragma once

#include "tds_server/byte_writer.h"
#include "tds_server/engine.h"
#include "tds_server/login_record.h"

namespace tds_server {

// SQL_Latin1_General_CP1_CI_AS, as it is written in type descriptions and ENVCHANGE.
std::string_view default_collation() noexcept;

// A client older than the type gets the nearest it knows: times as nvarchar before 7.3, ntext before 7.2.
void write_type_info(ByteWriter& writer, const ColumnType& column_type, TdsVersion version);
// Throws ValueError when the cell does not fit the type.
void write_value(ByteWriter& writer, const Cell& cell, const ColumnType& column_type, TdsVersion version);

}  // namespace tds_server
