// What storing does once per value, in C++: plpgsql would take longer for it than for the rest together.
#include <algorithm>
#include <cmath>

#include "pg/pg.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
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

// Of an argument of a function; NULL has none.
Elements integers_of(FunctionCallInfo fcinfo, int number) {
    if (PG_ARGISNULL(number)) return {};
    return elements_of(PG_GETARG_ARRAYTYPE_P(number), INT4OID, sizeof(int32), true, TYPALIGN_INT);
}

Elements doubles_of(FunctionCallInfo fcinfo, int number) {
    if (PG_ARGISNULL(number)) return {};
    return elements_of(PG_GETARG_ARRAYTYPE_P(number), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

Elements times_of(FunctionCallInfo fcinfo, int number) {
    if (PG_ARGISNULL(number)) return {};
    return elements_of(PG_GETARG_ARRAYTYPE_P(number), TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL,
                       TYPALIGN_DOUBLE);
}

// Readings of series, as columns.
struct Readings {
    Datum* series = nullptr;
    Datum* values = nullptr;
    bool* value_nulls = nullptr;
    Datum* times = nullptr;
    int count = 0;

    explicit Readings(int most)
        : series(static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(most)))),
          values(static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(most)))),
          value_nulls(static_cast<bool*>(palloc(sizeof(bool) * static_cast<Size>(most)))),
          times(static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(most)))) {}

    void add(Datum key, const Elements& of, int i, Datum time) {
        series[count] = key;
        values[count] = of.values[i];
        value_nulls[count] = of.nulls[i];
        times[count++] = time;
    }

    [[nodiscard]] Datum row(TupleDesc type) const {
        Datum columns[3] = {};
        bool nulls[3] = {count == 0, count == 0, count == 0};
        if (count > 0) {
            int dimensions[] = {count};
            int lower_bounds[] = {1};
            columns[0] = PointerGetDatum(construct_array(series, count, INT4OID, sizeof(int32), true, TYPALIGN_INT));
            columns[1] = PointerGetDatum(construct_md_array(values, value_nulls, 1, dimensions, lower_bounds, FLOAT8OID,
                                                            sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
            columns[2] = PointerGetDatum(
                construct_array(times, count, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
        }
        return HeapTupleGetDatum(heap_form_tuple(type, columns, nulls));
    }
};

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

PGDLLEXPORT Datum vitals_older_values(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(vitals_older_values);

Datum vitals_older_values(PG_FUNCTION_ARGS) {
    const Elements series = integers_of(fcinfo, 0);
    const Elements values = doubles_of(fcinfo, 1);
    const Elements older_series = integers_of(fcinfo, 3);
    const Elements older_values = doubles_of(fcinfo, 4);
    const Elements older_times = times_of(fcinfo, 5);
    const Elements newer = integers_of(fcinfo, 6);
    TupleDesc type = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &type) != TYPEFUNC_COMPOSITE)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a row is not what is wanted")));

    auto* keys = static_cast<int32*>(palloc(sizeof(int32) * static_cast<Size>(newer.count)));
    for (int i = 0; i < newer.count; ++i)
        keys[i] = DatumGetInt32(newer.values[i]);
    std::sort(keys, keys + newer.count);
    const auto is_newer = [&](Datum key) { return std::binary_search(keys, keys + newer.count, DatumGetInt32(key)); };

    // Arrays that somebody cut are no reason to read beyond their end.
    const int count = PG_ARGISNULL(2) ? 0 : std::min(series.count, values.count);
    const int older_count = std::min({older_series.count, older_values.count, older_times.count});
    Readings kept(count + older_count);
    for (int i = 0; i < count; ++i) {
        if (!is_newer(series.values[i])) kept.add(series.values[i], values, i, PG_GETARG_DATUM(2));
    }
    for (int i = 0; i < older_count; ++i) {
        if (!is_newer(older_series.values[i])) kept.add(older_series.values[i], older_values, i, older_times.values[i]);
    }
    PG_RETURN_DATUM(kept.row(BlessTupleDesc(type)));
}
}
