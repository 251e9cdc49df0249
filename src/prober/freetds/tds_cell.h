// Converts one column of db-lib's current row into a value.
#pragma once

#include <cstddef>

#include "prober/freetds/tds_rows.h"

struct tds_dblib_dbprocess;

namespace vitals::prober {

// `column` counts from 1. A type that the prober does not read, and a length that does not fit its type, give no value.
Cell read_cell(tds_dblib_dbprocess* process, int column);

// Bytes of its data as db-lib holds it, text as UTF-8; 0 for NULL.
std::size_t cell_size(tds_dblib_dbprocess* process, int column);

}  // namespace vitals::prober
