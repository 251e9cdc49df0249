#include "tds_server/tsql_evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "tds_server/server_errors.h"
#include "tds_server/sql_error.h"
#include "tds_server/sql_types.h"
#include "tds_server/tsql_binder.h"
#include "tds_server/tsql_lexer.h"

namespace tds_server {

namespace {

constexpr int invalid_object = 208;
constexpr int state_denied = 300;
constexpr int not_prepared = 8180;
constexpr int most_nested = 32;

// How far an error reaches.
enum class Reach { statement, scope, batch };

Reach reach_of(int number) {
    constexpr std::array<int, 8> of_batch{235, 241, 242, 245, 8114, 1205, 701, 40515};
    if (std::find(of_batch.begin(), of_batch.end(), number) != of_batch.end()) return Reach::batch;
    return number == invalid_object ? Reach::scope : Reach::statement;
}

bool is_procedure(const Execute& execute, std::string_view name) {
    return same_text(execute.procedure.parts.back(), name);
}

// Of EXEC sp_prepare @handle OUTPUT, N'@a int', N'...'
constexpr std::size_t text_of_prepare = 2;

// Ends everything up to the batch: the client has its message already, or gets it there.
struct BatchEnded {};

// One batch, procedure or dynamic text: a scope of variables.
class ScopeRun {
  public:
    ScopeRun(std::shared_ptr<Program> program, const ServerView& server, Reply& reply, int nesting)
        : program_(std::move(program)), server_(server), reply_(reply), nesting_(nesting) {
        if (nesting_ > most_nested)
            throw SqlError(217, 16,
                           "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).");
    }

    void declare(const std::string& name, const ColumnType& type, const Cell& value) {
        types_[name] = type;
        variables_[name] = convert(value, type);
    }

    // Throws SqlError where names are wrong before anything runs, and BatchEnded.
    void run() {
        compile();
        run_all(program_->batch());
    }
    void compile() {
        collect_types(program_->batch());
        for (const Statement& statement : program_->batch())
            check_names(statement);
    }

    std::int32_t status() const noexcept { return status_; }

  private:
    // Names are resolved before the first statement runs, but a missing table only when its statement does.
    void check_names(const Statement& statement) {
        try {
            if (const auto* query = std::get_if<Query>(&statement.node)) {
                program_->plan(*query, server_, types_);
            } else if (const auto* node = std::get_if<If>(&statement.node)) {
                check_names(*node->then);
                if (node->otherwise) check_names(*node->otherwise);
            } else if (const auto* block = std::get_if<Block>(&statement.node)) {
                for (const Statement& inner : block->statements)
                    check_names(inner);
            }
        } catch (const SqlError& error) {
            if (error.message().number != invalid_object) throw;
        }
    }

    void collect_types(const Batch& batch) {
        for (const Statement& statement : batch) {
            if (const auto* declared = std::get_if<Declare>(&statement.node)) {
                for (const Declare::Item& item : declared->items) {
                    if (!types_.emplace(item.name, item.type).second)
                        throw SqlError(
                            134, 15,
                            fmt::format("The variable name '{}' has already been declared. Variable names must "
                                        "be unique within a query batch or stored procedure.",
                                        item.name));
                }
            } else if (const auto* block = std::get_if<Block>(&statement.node)) {
                collect_types(block->statements);
            }
        }
    }

    // False: the scope ends here.
    bool run_all(const Batch& batch) {
        return std::all_of(batch.begin(), batch.end(), [this](const Statement& statement) { return run(statement); });
    }

    bool run(const Statement& statement) {
        try {
            std::visit([&](const auto& node) { run_node(node); }, statement.node);
            variables_.insert_or_assign("@@error", Cell{std::int64_t{0}});
        } catch (const SqlError& error) {
            if (in_try_) throw;
            tell(error.message());
            const Reach reach = reach_of(error.message().number);
            if (reach == Reach::batch) throw BatchEnded{};
            return reach == Reach::statement;
        }
        return !ended_;
    }

    void tell(const ServerMessage& message) {
        pause();
        reply_.emplace_back(message);
        if (message.number == state_denied)
            reply_.emplace_back(ServerMessage{297, 16, 1, "The user does not have permission to perform this action."});
        variables_.insert_or_assign("@@error", Cell{std::int64_t{message.number}});
    }

    void pause() {
        const auto delay = server_.take_delay();
        if (delay.count() > 0) reply_.emplace_back(Pause{delay});
    }

    void run_node(const Accepted&) {}
    void run_node(const SetRowCount& set) {
        row_limit_ = static_cast<std::size_t>(std::max(0.0, to_double(value_of(*set.rows))));
    }
    void run_node(const Query& query) {
        const QueryPlan& plan = program_->plan(query, server_, types_);
        if (!plan.branches.front().variables.empty()) {
            run_assignment(plan, {server_, variables_, nullptr}, variables_);
            return pause();
        }
        const bool usual = types_.empty() && row_limit_ == 0;
        SharedResultPtr shared = usual ? server_.recall(plan) : nullptr;
        if (shared) {
            keep_row_count(shared->set.rows.size());
            reply_.emplace_back(std::move(shared));
            return;
        }
        ResultSet set{plan.columns, run_query(plan, {server_, variables_, nullptr})};
        pause();
        if (row_limit_ > 0 && set.rows.size() > row_limit_) set.rows.resize(row_limit_);
        keep_row_count(set.rows.size());
        if (usual) shared = server_.remember(plan, set);
        if (shared) {
            reply_.emplace_back(std::move(shared));
        } else {
            reply_.emplace_back(std::move(set));
        }
    }
    void keep_row_count(std::size_t rows) {
        variables_.insert_or_assign("@@rowcount", Cell{static_cast<std::int64_t>(rows)});
    }

    void run_node(const Print& print) { reply_.emplace_back(ServerMessage{0, 0, 1, to_text(value_of(*print.text))}); }
    void run_node(const Use& use) {
        server_.use(use.database);
        reply_.emplace_back(ServerMessage{5701, 10, 2, fmt::format("Changed database context to '{}'.", use.database)});
    }
    void run_node(const RaiseError& raise) {
        const Cell what = value_of(*raise.number_or_text);
        const int level = static_cast<int>(to_double(value_of(*raise.level)));
        const int state = static_cast<int>(to_double(value_of(*raise.state)));
        constexpr int user_error = 50'000;
        constexpr int first_error_level = 11;
        const auto* number = std::get_if<std::int64_t>(&what);
        const ServerMessage message{number != nullptr ? static_cast<int>(*number) : user_error, level, state,
                                    to_text(what)};
        if (level >= first_error_level) throw SqlError(message);
        reply_.emplace_back(message);
    }
    void run_node(const Declare& declared) {
        for (const Declare::Item& item : declared.items)
            variables_.insert_or_assign(item.name, item.value ? convert(value_of(*item.value), item.type) : Cell{});
    }
    void run_node(const Assign& assign) {
        const auto type = types_.find(assign.variable);
        if (type == types_.end())
            throw SqlError(137, 15, fmt::format("Must declare the scalar variable \"{}\".", assign.variable));
        variables_.insert_or_assign(type->first, convert(value_of(*assign.value), type->second));
    }
    void run_node(const Return& node) {
        if (node.status) status_ = static_cast<std::int32_t>(to_double(value_of(*node.status)));
        ended_ = true;
    }
    void run_node(const ClearStatistics& clear) { server_.clear(clear); }
    void run_node(const CreateSchema& schema) { server_.create(schema); }
    void run_node(const CreateProcedure& procedure) { server_.create(procedure); }
    void run_node(const DropProcedure& procedure) { server_.drop(procedure); }
    void run_node(const Administration& command) { server_.administrate(command); }
    void run_node(const If& node) {
        if (value_of(*node.condition) == Cell{true}) {
            if (!run(*node.then)) ended_ = true;
        } else if (node.otherwise) {
            if (!run(*node.otherwise)) ended_ = true;
        }
    }
    void run_node(const Block& block) {
        if (!run_all(block.statements)) ended_ = true;
    }
    void run_node(const TryCatch& node) {
        const bool outer_try = std::exchange(in_try_, true);
        try {
            run_all(node.attempt);
            in_try_ = outer_try;
        } catch (const SqlError& error) {
            in_try_ = outer_try;
            variables_.insert_or_assign("error_number", Cell{std::int64_t{error.message().number}});
            variables_.insert_or_assign("error_message", Cell{error.message().text});
            if (!run_all(node.handler)) ended_ = true;
        }
    }

    // An error in the inner text ends that text; the statement after EXEC runs all the same. What SET and USE change
    // there ends with it.
    void run_inner(ScopeRun& inner) {
        const std::string database = server_.client().database;
        inner.in_try_ = in_try_;
        inner.row_limit_ = row_limit_;
        run_guarded(inner);
        if (server_.client().database != database) server_.use(database);
    }
    void run_guarded(ScopeRun& inner) {
        try {
            inner.run();
        } catch (const SqlError& error) {
            if (in_try_) throw;
            tell(error.message());
            if (reach_of(error.message().number) == Reach::batch) throw BatchEnded{};
        }
    }

    using Parameters = std::vector<std::pair<Declare::Item, Cell>>;
    void run_text(const std::string& sql, const Parameters& parameters) {
        ScopeRun inner(server_.program(sql), server_, reply_, nesting_ + 1);
        for (const auto& [item, value] : parameters)
            inner.declare(item.name, item.type, value);
        run_inner(inner);
    }
    void run_node(const ExecuteText& node) { run_text(to_text(value_of(*node.text)), {}); }

    void run_node(const Execute& execute) {
        std::vector<Cell> arguments;
        for (const Argument& argument : execute.arguments)
            arguments.push_back(value_of(*argument.value));
        if (is_procedure(execute, "sp_executesql") && !arguments.empty()) return run_dynamic(execute, arguments);
        if (run_prepared(execute, arguments)) return;
        if (auto reply = server_.system_procedure(execute.procedure.text(), arguments)) {
            std::move(reply->begin(), reply->end(), std::back_inserter(reply_));
            return;
        }
        const Procedure* procedure = server_.procedure(execute.procedure);
        if (procedure == nullptr)
            throw SqlError(2812, 16, fmt::format("Could not find stored procedure '{}'.", execute.procedure.text()));
        run_procedure(*procedure, execute, arguments);
    }

    // sp_executesql N'...', N'@a int, @b int', @a = 1, 2
    void run_dynamic(const Execute& execute, const std::vector<Cell>& arguments) {
        const bool declares = arguments.size() > 1 && !is_null(arguments[1]);
        const std::string declarations = declares ? to_text(arguments[1]) : std::string();
        run_text(to_text(arguments.front()), parameters_of(declarations, execute, arguments, 2));
    }

    Parameters parameters_of(const std::string& declarations, const Execute& execute,
                             const std::vector<Cell>& arguments, std::size_t first) const {
        Parameters parameters;
        if (declarations.empty()) return parameters;
        const auto program = server_.program("DECLARE " + declarations);
        const auto& declared = std::get<Declare>(program->batch().front().node);
        for (std::size_t i = 0; i < declared.items.size(); ++i)
            parameters.emplace_back(Declare::Item{declared.items[i].name, declared.items[i].type, nullptr},
                                    argument_for(declared.items[i], execute, arguments, i + first));
        return parameters;
    }

    // False: it is another procedure.
    bool run_prepared(const Execute& execute, const std::vector<Cell>& arguments) {
        if (is_procedure(execute, "sp_prepare")) {
            prepare(execute, arguments);
        } else if (is_procedure(execute, "sp_execute")) {
            const PreparedStatement statement = prepared_with(arguments);
            run_text(statement.sql, parameters_of(statement.declarations, execute, arguments, 1));
        } else if (is_procedure(execute, "sp_unprepare")) {
            prepared_with(arguments);
            server_.prepared().drop(handle_in(arguments));
        } else {
            return false;
        }
        reply_.emplace_back(ReturnStatus{});
        return true;
    }

    // A text that does not compile gives its own error and then 8180, and the handle stays what it was.
    void prepare(const Execute& execute, const std::vector<Cell>& arguments) {
        server_.require_prepare();
        const auto* handle =
            execute.arguments.empty() ? nullptr : std::get_if<Variable>(&execute.arguments.front().value->node);
        if (handle == nullptr || arguments.size() <= text_of_prepare)
            throw SqlError(214, 16, "Procedure expects parameter '@handle' of type 'int'.");
        PreparedStatement statement{to_text(arguments[text_of_prepare]),
                                    is_null(arguments[1]) ? std::string() : to_text(arguments[1])};
        try {
            ScopeRun inner(server_.program(statement.sql), server_, reply_, nesting_ + 1);
            for (const auto& [item, value] : parameters_of(statement.declarations, execute, {}, 0))
                inner.declare(item.name, item.type, value);
            inner.compile();
        } catch (const SqlError& error) {
            if (in_try_) throw;
            tell(error.message());
            throw SqlError(not_prepared, 16, "Statement(s) could not be prepared.");
        }
        variables_.insert_or_assign(handle->name, Cell{std::int64_t{server_.prepared().add(std::move(statement))}});
    }

    static std::int32_t handle_in(const std::vector<Cell>& arguments) {
        if (arguments.empty() || is_null(arguments.front())) return 0;
        return static_cast<std::int32_t>(to_double(arguments.front()));
    }
    PreparedStatement prepared_with(const std::vector<Cell>& arguments) const {
        const std::int32_t handle = handle_in(arguments);
        const PreparedStatement* found = server_.prepared().find(handle);
        if (found == nullptr)
            throw SqlError(ServerMessage{error_no_such_handle, 16, 4,
                                         fmt::format("Could not find prepared statement with handle {}.", handle)});
        return *found;
    }

    static Cell argument_for(const Declare::Item& item, const Execute& execute, const std::vector<Cell>& values,
                             std::size_t position) {
        for (std::size_t i = 0; i < execute.arguments.size(); ++i) {
            if (same_text(execute.arguments[i].name, item.name)) return values[i];
        }
        return position < values.size() && execute.arguments[position].name.empty() ? values[position] : Cell{};
    }

    void run_procedure(const Procedure& procedure, const Execute& execute, const std::vector<Cell>& arguments) {
        const auto& items = procedure.parameters.items;
        if (arguments.size() > items.size())
            throw SqlError(8144, 16,
                           fmt::format("Procedure or function {} has too many arguments specified.", procedure.name));
        const std::unique_ptr<ServerView> elevated = procedure.elevated ? server_.elevated() : nullptr;
        const ServerView& server = elevated ? *elevated : server_;
        ScopeRun inner(server.program(procedure.body), server, reply_, nesting_ + 1);
        for (std::size_t i = 0; i < items.size(); ++i) {
            const bool given = i < arguments.size() || std::any_of(execute.arguments.begin(), execute.arguments.end(),
                                                                   [&](const Argument& argument) {
                                                                       return same_text(argument.name, items[i].name);
                                                                   });
            if (!given && !items[i].value)
                throw SqlError(201, 16,
                               fmt::format("Procedure or function '{}' expects parameter '{}', which was not supplied.",
                                           procedure.name, items[i].name));
            inner.declare(items[i].name, items[i].type,
                          given ? argument_for(items[i], execute, arguments, i) : value_of(*items[i].value));
        }
        run_inner(inner);
        reply_.emplace_back(ReturnStatus{inner.status()});
    }

    Cell value_of(const Expression& expression) const {
        const BindContext context{server_, types_};
        Frame frame;
        frame.server = &server_;
        frame.variables = &variables_;
        return bind_expression(expression, context).value(frame);
    }

    std::shared_ptr<Program> program_;
    const ServerView& server_;
    Reply& reply_;
    int nesting_;
    VariableTypes types_;
    Variables variables_;
    std::int32_t status_ = 0;
    std::size_t row_limit_ = 0;  // 0: none
    bool ended_ = false;
    bool in_try_ = false;
};

class ReadSearch {
  public:
    ReadSearch(const ServerView& server, std::string_view view) : server_(server), view_(view) {}

    bool in(const Batch& batch, int nesting) const {
        return nesting <= most_nested && std::any_of(batch.begin(), batch.end(), [&](const Statement& statement) {
                   return in(statement, nesting);
               });
    }

  private:
    bool in(const Statement& statement, int nesting) const {
        if (const auto* query = std::get_if<Query>(&statement.node)) return in(*query);
        if (const auto* node = std::get_if<If>(&statement.node))
            return in(*node->then, nesting) || (node->otherwise && in(*node->otherwise, nesting));
        if (const auto* block = std::get_if<Block>(&statement.node)) return in(block->statements, nesting);
        if (const auto* node = std::get_if<TryCatch>(&statement.node)) return in(node->attempt, nesting);
        if (const auto* text = std::get_if<ExecuteText>(&statement.node)) return in_text(*text->text, nesting);
        const auto* execute = std::get_if<Execute>(&statement.node);
        if (execute == nullptr) return false;
        if (is_procedure(*execute, "sp_executesql"))
            return !execute->arguments.empty() && in_text(*execute->arguments.front().value, nesting);
        if (is_procedure(*execute, "sp_execute"))
            return !execute->arguments.empty() && in_prepared(*execute->arguments.front().value, nesting);
        if (is_procedure(*execute, "sp_prepare")) {
            note_prepared(*execute);
            return false;
        }
        return in_procedure(*execute, nesting);
    }
    // What this very batch prepares is known by the variable that will have its handle.
    void note_prepared(const Execute& execute) const {
        if (execute.arguments.size() <= text_of_prepare) return;
        const auto* handle = std::get_if<Variable>(&execute.arguments.front().value->node);
        const auto* text = std::get_if<Literal>(&execute.arguments[text_of_prepare].value->node);
        if (handle != nullptr && text != nullptr) to_be_prepared_[handle->name] = to_text(text->value);
    }
    bool in_prepared(const Expression& handle, int nesting) const {
        if (const auto* variable = std::get_if<Variable>(&handle.node)) {
            const auto found = to_be_prepared_.find(variable->name);
            return found != to_be_prepared_.end() && in_program(found->second, nesting);
        }
        const auto* literal = std::get_if<Literal>(&handle.node);
        const auto* number = literal != nullptr ? std::get_if<std::int64_t>(&literal->value) : nullptr;
        if (number == nullptr) return false;
        const PreparedStatement* prepared = server_.prepared().find(static_cast<std::int32_t>(*number));
        return prepared != nullptr && in_program(prepared->sql, nesting);
    }
    bool in(const Query& query) const {
        const auto reads = [&](const Source& source) {
            return source.query ? in(*source.query) : same_text(source.table.text(), view_);
        };
        return std::any_of(query.branches.begin(), query.branches.end(), [&](const Select& select) {
            return std::any_of(select.sources.begin(), select.sources.end(), reads);
        });
    }
    bool in_text(const Expression& expression, int nesting) const {
        const auto* literal = std::get_if<Literal>(&expression.node);
        return literal != nullptr && in_program(to_text(literal->value), nesting);
    }
    bool in_procedure(const Execute& execute, int nesting) const {
        try {
            const Procedure* procedure = server_.procedure(execute.procedure);
            return procedure != nullptr && in_program(procedure->body, nesting);
        } catch (const SqlError&) {
            return false;
        }
    }
    bool in_program(const std::string& sql, int nesting) const {
        try {
            return in(server_.program(sql)->batch(), nesting + 1);
        } catch (const SqlError&) {
            return false;
        }
    }

    const ServerView& server_;
    std::string_view view_;
    mutable std::map<std::string, std::string> to_be_prepared_;  // by the variable
};

}  // namespace

Reply run_batch(const std::shared_ptr<Program>& program, const ServerView& server) {
    Reply reply;
    try {
        ScopeRun(program, server, reply, 0).run();
    } catch (const BatchEnded&) {
        return reply;
    } catch (const SqlError& error) {
        reply.emplace_back(error.message());
    }
    return reply;
}

bool reads_view(const Program& program, const ServerView& server, std::string_view view) {
    return ReadSearch(server, view).in(program.batch(), 0);
}

}  // namespace tds_server
