#include "pg/query.h"

#include <array>
#include <stdexcept>

#include "pg/boundary.h"
#include "pg/pg.h"
#include "pg/transaction.h"

namespace vitals::pg {

namespace {

constexpr std::size_t max_parameters = 8;

struct Parameters {
    std::array<Oid, max_parameters> types;
    std::array<Datum, max_parameters> values;
    int count;
};

int execute(const char* sql, const std::string_view* texts, Parameters& parameters) {
    for (int i = 0; i < parameters.count; ++i) {
        parameters.types[i] = TEXTOID;
        parameters.values[i] =
            PointerGetDatum(cstring_to_text_with_len(texts[i].data(), static_cast<int>(texts[i].size())));
    }
    return SPI_execute_with_args(sql, parameters.count, parameters.types.data(), parameters.values.data(), nullptr,
                                 false, 0);
}

// Of a statement that caught its first cancel, the server only knows that somebody cancelled it.
ServerError explain(const ServerError& error) {
    ErrorFields fields = error.fields();
    if (fields.sqlstate == ERRCODE_QUERY_CANCELED && out_of_time())
        strlcpy(fields.message, "canceling statement due to statement timeout", sizeof(fields.message));
    return ServerError(fields);
}

int run(const char* sql, const std::string_view* texts, Parameters& parameters) {
    try {
        return call([&] { return execute(sql, texts, parameters); });
    } catch (const ServerError& error) {
        throw explain(error);
    }
}

Row copy_row(std::uint64_t number, int columns) {
    Row row;
    row.reserve(columns);
    for (int column = 1; column <= columns; ++column) {
        const char* text = call(
            [=]() -> const char* { return SPI_getvalue(SPI_tuptable->vals[number], SPI_tuptable->tupdesc, column); });
        row.emplace_back(text == nullptr ? Cell{} : Cell{text});
    }
    return row;
}

}  // namespace

std::vector<Row> query(const char* sql, std::initializer_list<std::string_view> texts) {
    if (texts.size() > max_parameters) throw std::logic_error("too many parameters");
    Parameters parameters{};
    parameters.count = static_cast<int>(texts.size());
    const int outcome = run(sql, texts.begin(), parameters);
    if (outcome < 0) throw std::runtime_error(SPI_result_code_string(outcome));

    std::vector<Row> rows;
    if (SPI_tuptable == nullptr) return rows;
    rows.reserve(SPI_processed);
    const int columns = SPI_tuptable->tupdesc->natts;
    for (std::uint64_t number = 0; number < SPI_processed; ++number)
        rows.push_back(copy_row(number, columns));
    call([] { SPI_freetuptable(SPI_tuptable); });
    return rows;
}

std::string quote_identifier(std::string_view name) {
    const std::string terminated(name);
    const char* raw = terminated.c_str();
    return call([=]() -> const char* { return ::quote_identifier(raw); });
}

}  // namespace vitals::pg
