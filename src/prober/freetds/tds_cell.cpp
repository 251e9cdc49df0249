#include "prober/freetds/tds_cell.h"

#include <algorithm>
#include <chrono>
#include <cstring>

// db-lib's header defines macros; it stays behind the C++ ones.
#include <sybdb.h>
#include <sybfront.h>

#include "prober/freetds/tds_connection.h"

namespace vitals::prober {

namespace {

// The length comes from the server: data that is shorter than its type must not be read.
template <typename Type, typename Wide>
Cell fixed(const BYTE* data, std::size_t size) {
    if (size != sizeof(Type)) return {};
    Type value{};
    std::memcpy(&value, data, sizeof(Type));
    return static_cast<Wide>(value);
}

Cell exact_number(DBPROCESS* process, int type, const BYTE* data, DBINT size) {
    double value = 0;
    const DBINT written = dbconvert(process, type, data, size, SYBFLT8, reinterpret_cast<BYTE*>(&value), sizeof(value));
    if (written != sizeof(value)) return {};
    return value;
}

Cell point_in_time(DBPROCESS* process, int type, const BYTE* data) {
    using std::chrono::day;
    using std::chrono::duration_cast;
    using std::chrono::microseconds;
    using std::chrono::month;
    using std::chrono::year;

    DBDATEREC2 part{};
    if (dbanydatecrack(process, &part, type, data) != SUCCEED) return {};
    const std::chrono::year_month_day date(year(part.dateyear), month(static_cast<unsigned>(part.datemonth) + 1),
                                           day(static_cast<unsigned>(part.datedmonth)));
    if (!date.ok()) return {};
    const auto moment = std::chrono::sys_days(date) + std::chrono::hours(part.datehour) +
                        std::chrono::minutes(part.dateminute) + std::chrono::seconds(part.datesecond) +
                        duration_cast<microseconds>(std::chrono::nanoseconds(part.datensecond));
    return static_cast<std::int64_t>(duration_cast<microseconds>(moment.time_since_epoch()).count());
}

std::size_t size_of_time(int type) {
    switch (type) {
        case SYBDATETIME:
            return sizeof(DBDATETIME);
        case SYBDATETIME4:
            return sizeof(DBDATETIME4);
        default:
            return sizeof(DBDATETIMEALL);
    }
}

Cell text(const BYTE* data, std::size_t size) {
    return std::string(reinterpret_cast<const char*>(data), std::min(size, max_cell_text));
}

}  // namespace

std::size_t cell_size(DBPROCESS* process, int column) {
    return static_cast<std::size_t>(std::max(dbdatlen(process, column), 0));
}

Cell read_cell(DBPROCESS* process, int column) {
    const BYTE* data = dbdata(process, column);
    const DBINT length = dbdatlen(process, column);
    if (data == nullptr || length < 0) return {};
    const auto size = static_cast<std::size_t>(length);
    const int type = dbcoltype(process, column);
    switch (type) {
        case SYBBIT:
        case SYBINT1:
            return fixed<DBTINYINT, std::int64_t>(data, size);
        case SYBINT2:
            return fixed<DBSMALLINT, std::int64_t>(data, size);
        case SYBINT4:
            return fixed<DBINT, std::int64_t>(data, size);
        case SYBINT8:
            return fixed<DBBIGINT, std::int64_t>(data, size);
        case SYBREAL:
            return fixed<DBREAL, double>(data, size);
        case SYBFLT8:
            return fixed<DBFLT8, double>(data, size);
        case SYBDECIMAL:
        case SYBNUMERIC:
            return size == sizeof(DBNUMERIC) ? exact_number(process, type, data, length) : Cell();
        case SYBMONEY:
            return size == sizeof(DBMONEY) ? exact_number(process, type, data, length) : Cell();
        case SYBMONEY4:
            return size == sizeof(DBMONEY4) ? exact_number(process, type, data, length) : Cell();
        case SYBDATETIME:
        case SYBDATETIME4:
        case SYBMSDATE:
        case SYBMSTIME:
        case SYBMSDATETIME2:
        case SYBMSDATETIMEOFFSET:
            return size >= size_of_time(type) ? point_in_time(process, type, data) : Cell();
        case SYBCHAR:
        case SYBVARCHAR:
        case SYBTEXT:
            return text(data, size);
        default:
            return {};
    }
}

}  // namespace vitals::prober
