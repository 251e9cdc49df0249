#include "tds_server/tsql_parser.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "tds_server/sql_error.h"
#include "tds_server/tsql_query_parser.h"

namespace tds_server {

namespace {

class StatementParser : public QueryParser {
  public:
    using QueryParser::QueryParser;

    Batch run() { return statements(true); }

  private:
    Batch statements(bool from_the_start) {
        Batch batch;
        while (skip_semicolons(), !at_end())
            batch.push_back(statement(from_the_start && batch.empty()));
        return batch;
    }

    Statement statement(bool first = false) {
        const Depth depth(depth_);
        if (at_query()) return {query()};
        if (accept_word("EXEC") || accept_word("EXECUTE")) return execute();
        if (accept_word("PRINT")) return {Print{expression()}};
        if (accept_word("USE")) return {Use{name()}};
        if (accept_word("IF")) return {condition()};
        if (accept_word("SET")) return set();
        if (accept_word("DECLARE")) return {declare()};
        if (accept_word("BEGIN")) return block();
        if (accept_word("RETURN")) return {return_statement()};
        if (accept_word("DBCC")) return dbcc();
        if (accept_word("RAISERROR")) return {raise_error()};
        if (is_word("WAITFOR")) refuse();
        if (accept_word("COMMIT") || accept_word("ROLLBACK")) return skip_statement();
        if (accept_word("CREATE")) return create(first, CreateProcedure::Mode::create);
        if (accept_word("ALTER")) return create(first, CreateProcedure::Mode::alter);
        if (accept_word("DROP")) return drop();
        if (accept_word("GRANT")) return permission(Administration::Kind::grant_execute, "TO");
        if (accept_word("DENY")) return permission(Administration::Kind::deny_execute, "TO");
        if (accept_word("REVOKE")) return permission(Administration::Kind::deny_execute, "FROM");
        if (accept_word("ADD")) return signature();
        // A batch may begin with a procedure's bare name.
        if (first && at_name()) return execute();
        refuse();
    }

    Statement skip_statement() {
        while (!at_end() && !is_symbol(";") && !at_statement())
            take();
        return {Accepted{}};
    }

    Statement set() {
        if (accept_word("ROWCOUNT")) return {SetRowCount{expression()}};
        if (token().kind != TokenKind::variable) return skip_statement();
        Assign parsed{variable(), nullptr};
        expect_symbol("=");
        parsed.value = expression();
        return {std::move(parsed)};
    }

    Declare declare() {
        Declare parsed;
        do {
            Declare::Item item;
            item.name = variable();
            accept_word("AS");
            item.type = type();
            if (accept_symbol("=")) item.value = expression();
            accept_word("OUTPUT");
            parsed.items.push_back(std::move(item));
        } while (accept_symbol(","));
        return parsed;
    }

    Statement block() {
        if (accept_word("TRAN") || accept_word("TRANSACTION")) return skip_statement();
        if (accept_word("TRY")) {
            TryCatch parsed;
            parsed.attempt = statements_until_end();
            expect_word("TRY");
            expect_word("BEGIN");
            expect_word("CATCH");
            parsed.handler = statements_until_end();
            expect_word("CATCH");
            return {std::move(parsed)};
        }
        return {Block{statements_until_end()}};
    }
    Batch statements_until_end() {
        Batch parsed;
        while (skip_semicolons(), !accept_word("END")) {
            if (at_end()) refuse();
            parsed.push_back(statement());
        }
        return parsed;
    }

    Return return_statement() {
        Return parsed;
        if (!at_end() && !is_symbol(";") && !at_statement()) parsed.status = expression();
        return parsed;
    }

    RaiseError raise_error() {
        RaiseError parsed;
        expect_symbol("(");
        parsed.number_or_text = expression();
        expect_symbol(",");
        parsed.level = expression();
        expect_symbol(",");
        parsed.state = expression();
        while (accept_symbol(","))
            expression();
        expect_symbol(")");
        if (accept_word("WITH")) take();
        return parsed;
    }

    Statement dbcc() {
        const std::string command = name();
        if (!same_text(command, "SQLPERF")) return skip_statement();
        expect_symbol("(");
        if (token().kind != TokenKind::text && !at_name()) refuse();
        ClearStatistics parsed{take().text};
        expect_symbol(",");
        expect_word("CLEAR");
        expect_symbol(")");
        if (accept_word("WITH")) take();
        return {std::move(parsed)};
    }

    If condition() {
        If parsed;
        parsed.condition = expression();
        parsed.then = std::make_unique<Statement>(statement());
        accept_symbol(";");
        if (accept_word("ELSE")) parsed.otherwise = std::make_unique<Statement>(statement());
        return parsed;
    }

    Statement execute() {
        if (accept_symbol("(")) {
            ExecuteText parsed{expression()};
            expect_symbol(")");
            return {std::move(parsed)};
        }
        Execute parsed;
        if (token().kind == TokenKind::variable && is_symbol("=", 1)) {
            take();
            take();
        }
        parsed.procedure = object_name();
        if (!at_argument()) return {std::move(parsed)};
        do {
            Argument argument;
            if (token().kind == TokenKind::variable && is_symbol("=", 1)) {
                argument.name = variable();
                take();
            }
            argument.value = expression();
            if (!accept_word("OUTPUT")) accept_word("OUT");
            parsed.arguments.push_back(std::move(argument));
        } while (accept_symbol(","));
        return {std::move(parsed)};
    }
    bool at_argument() const {
        switch (token().kind) {
            case TokenKind::text:
            case TokenKind::number:
            case TokenKind::binary:
            case TokenKind::variable:
                return true;
            default:
                return is_symbol("-") || is_word("NULL");
        }
    }

    Statement create(bool first, CreateProcedure::Mode mode) {
        if (mode == CreateProcedure::Mode::create && is_word("OR") && is_word("ALTER", 1)) {
            take();
            take();
            mode = CreateProcedure::Mode::create_or_alter;
        }
        if (accept_word("PROCEDURE") || accept_word("PROC")) {
            if (!first)
                throw SqlError(111, 15, "'CREATE/ALTER PROCEDURE' must be the first statement in a query batch.");
            return {create_procedure(mode)};
        }
        if (is_word("SCHEMA") && mode == CreateProcedure::Mode::create) {
            take();
            if (!first) throw SqlError(111, 15, "'CREATE SCHEMA' must be the first statement in a query batch.");
            CreateSchema parsed{name()};
            if (accept_word("AUTHORIZATION")) name();
            return {std::move(parsed)};
        }
        return administration(mode == CreateProcedure::Mode::create ? Administration::Kind::create
                                                                    : Administration::Kind::other);
    }

    CreateProcedure create_procedure(CreateProcedure::Mode mode) {
        CreateProcedure parsed;
        parsed.mode = mode;
        parsed.name = object_name();
        const bool bracketed = accept_symbol("(");
        if (token().kind == TokenKind::variable) parsed.parameters = declare();
        if (bracketed) expect_symbol(")");
        if (accept_word("WITH")) parsed.as_owner = procedure_options();
        expect_word("AS");
        parsed.body = std::string(rest_of_text());
        // The text must be right, whatever its names mean.
        const Batch body = statements(false);
        if (body.empty()) refuse();
        return parsed;
    }
    bool procedure_options() {
        bool as_owner = false;
        do {
            if (accept_word("EXECUTE") || accept_word("EXEC")) {
                expect_word("AS");
                as_owner = is_word("OWNER") || is_word("SELF") || token().kind == TokenKind::text;
                take();
            } else if (!accept_word("RECOMPILE")) {
                expect_word("ENCRYPTION");
            }
        } while (accept_symbol(","));
        return as_owner;
    }

    Statement drop() {
        if (!accept_word("PROCEDURE") && !accept_word("PROC")) return administration(Administration::Kind::drop);
        DropProcedure parsed;
        if (accept_word("IF")) {
            expect_word("EXISTS");
            parsed.if_exists = true;
        }
        parsed.name = object_name();
        return {std::move(parsed)};
    }

    // Logins, roles, certificates: that somebody may do it is all that there is to them here. Their names and options
    // are not statements, though some of their words begin one.
    Statement administration(Administration::Kind kind) {
        if (at_end()) refuse();
        Administration parsed;
        const bool known = is_word("LOGIN") || is_word("USER") || is_word("ROLE") || is_word("CERTIFICATE");
        if (known && at_name(1)) {
            parsed.kind = kind;
            parsed.object_class = take().text;
            parsed.object = {{name()}};
        }
        while (!at_end() && !is_symbol(";") && !ends_administration())
            take();
        return {std::move(parsed)};
    }
    bool ends_administration() const {
        return is_word("SELECT") || is_word("EXEC") || is_word("IF") || is_word("GRANT") || is_word("CREATE") ||
               is_word("END") || is_word("ELSE") || is_word("PRINT") || is_word("DECLARE") || is_word("USE");
    }

    // GRANT EXECUTE ON [OBJECT::|SCHEMA::]name TO somebody; other rights are not kept.
    Statement permission(Administration::Kind kind, std::string_view before_grantee) {
        Administration parsed;
        if (is_word("EXECUTE") || is_word("EXEC")) {
            take();
            if (accept_word("ON")) {
                if (is_symbol(":", 1)) {
                    take();
                    take();
                    expect_symbol(":");
                }
                parsed.object = object_name();
                parsed.kind = kind;
            }
        }
        while (!is_word(before_grantee)) {
            if (at_end() || is_symbol(";")) refuse();
            take();
        }
        take();
        parsed.to = name();
        return {std::move(parsed)};
    }

    // ADD SIGNATURE TO [OBJECT::]procedure BY CERTIFICATE name ...
    Statement signature() {
        accept_word("COUNTER");
        expect_word("SIGNATURE");
        expect_word("TO");
        Administration parsed{Administration::Kind::sign, {}, {}, {}};
        if (is_symbol(":", 1)) {
            take();
            take();
            expect_symbol(":");
        }
        parsed.object = object_name();
        expect_word("BY");
        while (!at_end() && !is_symbol(";") && !ends_administration())
            take();
        return {std::move(parsed)};
    }
};

}  // namespace

Batch parse_batch(std::string_view sql) {
    return StatementParser(sql).run();
}

}  // namespace tds_server
