// What storing does once per value, in C++: plpgsql would take longer for it than for the rest together.
#include <algorithm>
#include <cmath>

#include "pg/pg.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
}

namespace vitals::ext {

namespace {

constexpr int most_digits = 9;
constexpr double powers[most_digits + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
// From here on a double has no digits after the decimal point.
constexpr double whole_from = 4503599627370496.0;

// 12.345 is a little less in binary, and is meant as a half.
double round_to(double value, int digits) {
    const double power = powers[std::clamp(digits, 0, most_digits)];
    const double scaled = std::abs(value) * power;
    if (!(scaled < whole_from)) return value;
    const double rounded = std::floor(scaled * (1 + 4e-16) + 0.5) / power;
    // Never -0.
    return value < 0 && rounded > 0 ? -rounded : rounded;
}

struct Elements {
    Datum* values = nullptr;
    bool* nulls = nullptr;
    int count = 0;
};

Elements elements_of(ArrayType* array, Oid type, int length, bool by_value, char alignment) {
    if (ARR_NDIM(array) > 1)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("values must be a flat array")));
    Elements elements;
    deconstruct_array(array, type, length, by_value, alignment, &elements.values, &elements.nulls, &elements.count);
    return elements;
}

}  // namespace

}  // namespace vitals::ext

extern "C" {

using namespace vitals::ext;

PGDLLEXPORT Datum vitals_pick_values(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_pick_values);

Datum vitals_pick_values(PG_FUNCTION_ARGS) {
    const Elements values =
        elements_of(PG_GETARG_ARRAYTYPE_P(0), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
    const Elements positions = elements_of(PG_GETARG_ARRAYTYPE_P(1), INT4OID, sizeof(int32), true, TYPALIGN_INT);
    const Elements scales = elements_of(PG_GETARG_ARRAYTYPE_P(2), INT2OID, sizeof(int16), true, TYPALIGN_SHORT);
    if (positions.count != scales.count) {
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("positions and scales differ in number")));
    }
    auto* picked = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(positions.count)));
    auto* nulls = static_cast<bool*>(palloc(sizeof(bool) * static_cast<Size>(positions.count)));
    for (int i = 0; i < positions.count; ++i) {
        const int position = positions.nulls[i] ? 0 : DatumGetInt32(positions.values[i]);
        if (position < 1 || position > values.count) {
            ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("there are fewer values than series")));
        }
        nulls[i] = values.nulls[position - 1];
        picked[i] = Float8GetDatum(0);
        if (nulls[i]) continue;
        const double value = DatumGetFloat8(values.values[position - 1]);
        if (!std::isfinite(value)) {
            ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("value is not a finite number")));
        }
        picked[i] = Float8GetDatum(round_to(value, scales.nulls[i] ? most_digits : DatumGetInt16(scales.values[i])));
    }
    int dimensions[] = {positions.count};
    int lower_bounds[] = {1};
    PG_RETURN_ARRAYTYPE_P(construct_md_array(picked, nulls, 1, dimensions, lower_bounds, FLOAT8OID, sizeof(float8),
                                             FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
}
