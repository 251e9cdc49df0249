// Builds the trees of queries and expressions.
#pragma once

#include <string_view>
#include <vector>

#include "tds_server/token_cursor.h"

namespace tds_server {

// Throws SqlError: 102 and relatives, as SQL Server would.
class QueryParser : public TokenCursor {
  public:
    using TokenCursor::TokenCursor;

    bool at_query() const;
    Query query();
    ExpressionPtr expression();

  protected:
    ColumnType type();
    ExpressionPtr primary();

  private:
    Query query_body();
    void branch(Query& parsed);
    Select select();
    ExpressionPtr top();
    SelectItem item();
    std::vector<ExpressionPtr> group_keys();
    void sources(std::vector<Source>& parsed);
    bool next_source(std::vector<Source>& parsed);
    Source joined_source(Join join);
    Source source(Join join);
    void source_table(Source& parsed);
    void source_rows(Source& parsed);
    std::vector<std::string> column_names();
    std::vector<OrderKey> order_keys();
    void skip_brackets();

    std::vector<ExpressionPtr> list();
    ExpressionPtr conjunction();
    ExpressionPtr negation();
    ExpressionPtr comparison();
    ExpressionPtr membership(ExpressionPtr& left, bool negated);
    ExpressionPtr sum();
    ExpressionPtr product();
    ExpressionPtr unary();
    ExpressionPtr collated();
    ExpressionPtr bracketed();
    ExpressionPtr text_literal();
    ExpressionPtr number_literal();
    ExpressionPtr binary_literal();
    ExpressionPtr word();
    ExpressionPtr column_reference();
    ExpressionPtr call();
    ExpressionPtr cast_expression(bool or_null);
    ExpressionPtr conversion_expression(bool or_null);
    int type_argument();
    ExpressionPtr case_expression();
};

ExpressionPtr make_operation(Operator op, ExpressionPtr left, ExpressionPtr right);

}  // namespace tds_server
