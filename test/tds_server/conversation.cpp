#include "tds_server/conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>
#include <vector>

#include "tds_server/byte_reader.h"
#include "tds_server/reply_encoder.h"
#include "tds_server/server_errors.h"
#include "tds_server/token_writer.h"
#include "tds_server/type_codec.h"

namespace tds_server {

namespace {

constexpr int changed_database = 5701;
constexpr int changed_language = 5703;
constexpr std::size_t statement_of_executesql = 0;
constexpr std::size_t statement_of_prepare = 2;

std::size_t usable_packet_size(std::size_t asked) {
    return asked == 0 ? default_packet_size : std::clamp(asked, least_packet_size, greatest_packet_size);
}

// "@a int, @b decimal(10,2)" gives @a and @b.
std::vector<std::string> declared_names(std::string_view declarations) {
    const auto in_name = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '@' || c == '#' || c == '$';
    };
    std::vector<std::string> names;
    for (auto at = std::find(declarations.begin(), declarations.end(), '@'); at != declarations.end();) {
        const auto end = std::find_if_not(at, declarations.end(), in_name);
        names.emplace_back(at, end);
        at = std::find(end, declarations.end(), '@');
    }
    return names;
}

std::vector<RpcParameter> named_arguments(const std::vector<RpcParameter>& all, std::size_t first,
                                          const std::vector<std::string>& names) {
    std::vector<RpcParameter> arguments;
    for (std::size_t i = first; i < all.size(); ++i) {
        arguments.push_back(all[i]);
        if (arguments.back().name.empty() && i - first < names.size()) arguments.back().name = names[i - first];
    }
    return arguments;
}

std::string exec_statement(const RpcRequest& request) {
    std::string sql = "EXEC " + request.procedure;
    for (const RpcParameter& parameter : request.parameters) {
        sql += &parameter == request.parameters.data() ? " " : ", ";
        if (!parameter.name.empty()) sql += parameter.name + " = ";
        sql += parameter.literal;
    }
    return sql;
}

const RpcParameter& parameter_at(const RpcRequest& request, std::size_t index) {
    if (index >= request.parameters.size()) throw ProtocolError(request.procedure + " lacks a parameter");
    return request.parameters[index];
}

std::string transaction_descriptor(std::uint64_t number) {
    ByteWriter writer;
    writer.u64(number);
    return writer.take();
}

}  // namespace

Conversation::Conversation(Engine& engine, const Account& account, std::string_view server_name, std::uint16_t spid)
    : engine_(engine), account_(account), server_name_(server_name) {
    client_.spid = spid;
    accounts_ = {account.login, account.password, account.domain, account.keytab};
}

Conversation::LoginReply Conversation::log_in(std::string_view payload, bool encrypted, int forced_error) {
    login_ = parse_login(payload);
    client_.login = login_.user;
    client_.app_name = login_.app_name;
    client_.host_name = login_.host_name;
    client_.encrypted = encrypted;
    if (!login_.database.empty()) client_.database = login_.database;
    if (login_.integrated && forced_error == 0) {
        integrated_ = std::make_unique<IntegratedLogin>(accounts_, std::string(server_name_), challenge_);
        return continue_login(login_.integrated_token);
    }
    if (const auto error = judge(forced_error)) return {false, false, failure(*error)};
    return finish_login();
}

Conversation::LoginReply Conversation::finish_login() {
    LoginReply reply{true, false, welcome()};
    packet_size_ = usable_packet_size(login_.packet_size);
    client_.packet_size = static_cast<int>(packet_size_);
    return reply;
}

void Conversation::set_ends(const std::string& client_address, int local_port, std::string challenge) {
    client_.client_address = client_address;
    client_.local_port = local_port;
    challenge_ = std::move(challenge);
}

Conversation::LoginReply Conversation::continue_login(std::string_view token) {
    if (!integrated_) throw ProtocolError("a message of NTLM or Kerberos that nobody asked for");
    const IntegratedStep step = integrated_->step(token);
    client_.auth_scheme = step.scheme;
    if (!step.user.empty()) client_.login = step.user;
    if (!step.service.empty()) service_ = step.service;
    if (step.state == IntegratedStep::State::goes_on) {
        TokenWriter writer(login_.version);
        writer.integrated(step.token);
        return {false, true, writer.take()};
    }
    integrated_.reset();
    const auto refused = [this](int number) {
        return LoginReply{false, false, failure(server_error(number, client_.login, client_.database))};
    };
    if (step.state == IntegratedStep::State::refused)
        return refused(step.scheme == "NTLM" ? error_login_failed : error_untrusted_domain);
    if (engine_.refusal(client_)) return refused(error_cannot_open_database);
    LoginReply reply = finish_login();
    if (!step.token.empty()) {
        TokenWriter writer(login_.version);
        writer.integrated(step.token);
        reply.tokens.insert(0, writer.take());
    }
    return reply;
}

std::optional<ServerMessage> Conversation::judge(int forced_error) {
    const auto error = [this](int number) { return server_error(number, client_.login, client_.database); };
    if (forced_error != 0) return error(forced_error);
    const bool known = login_.user == account_.login || login_.user == account_.administrator;
    if (!known || login_.password != account_.password) return error(error_login_failed);
    if (engine_.refusal(client_)) return error(error_cannot_open_database);
    return std::nullopt;
}

std::string Conversation::welcome() const {
    TokenWriter writer(login_.version);
    writer.environment_text(EnvironmentChange::database, client_.database, "master");
    writer.message({changed_database, 0, 2, fmt::format("Changed database context to '{}'.", client_.database)},
                   server_name_);
    writer.environment_bytes(EnvironmentChange::collation, default_collation(), "");
    writer.environment_text(EnvironmentChange::language, "us_english", "");
    writer.message({changed_language, 0, 1, "Changed language setting to us_english."}, server_name_);
    writer.login_ack();
    if (login_.asks_features) writer.feature_acks(login_.features);
    writer.environment_text(EnvironmentChange::packet_size, std::to_string(usable_packet_size(login_.packet_size)),
                            std::to_string(default_packet_size));
    writer.done(DoneToken::done, done_final, 0);
    return writer.take();
}

std::string Conversation::failure(const ServerMessage& error) const {
    TokenWriter writer(login_.version);
    writer.message(error, server_name_);
    if (error.number == error_cannot_open_database)
        writer.message(server_error(error_login_failed, client_.login, ""), server_name_);
    writer.done(DoneToken::done, done_error, 0);
    return writer.take();
}

EncodedReply Conversation::answer(const ClientMessage& request) {
    switch (request.type) {
        case PacketType::sql_batch: {
            const std::string sql = parse_batch(request.payload, login_.version);
            return encode_reply(engine_.execute(sql, client_), {login_.version, server_name_, false, {}, 0});
        }
        case PacketType::rpc:
            return answer_rpc(parse_rpc(request.payload, login_.version));
        case PacketType::transaction:
            return {answer_transaction(parse_transaction(request.payload))};
        default:
            throw ProtocolError(fmt::format("a message of type {} after the login", static_cast<int>(request.type)));
    }
}

std::string Conversation::error_reply(int number) const {
    const Reply reply{server_error(number, client_.login, client_.database)};
    return encode_reply(reply, {login_.version, server_name_, false, {}, 0}).text();
}

std::string Conversation::done_reply(std::uint16_t status) const {
    TokenWriter writer(login_.version);
    writer.done(DoneToken::done, status, 0);
    return writer.take();
}

EncodedReply Conversation::run_prepared(const std::string& sql, const RpcRequest& request, std::size_t first_argument,
                                        std::int32_t new_handle) {
    const auto names = declared_names(request.parameters.size() > 1 ? request.parameters[1].text : "");
    const auto arguments = named_arguments(request.parameters, first_argument, names);
    const Reply reply = engine_.execute(substitute_parameters(sql, arguments), client_);
    const std::string_view handle_name = new_handle != 0 ? std::string_view(request.parameters[0].name) : "";
    return encode_reply(reply, {login_.version, server_name_, true, handle_name, new_handle});
}

EncodedReply Conversation::execute_prepared(const RpcRequest& request) {
    const std::string& literal = parameter_at(request, 0).literal;
    std::int32_t handle = 0;
    std::from_chars(literal.data(), literal.data() + literal.size(), handle);
    const PreparedStatement* found = client_.prepared.find(handle);
    if (found == nullptr) return {error_reply(error_no_such_handle)};
    if (request.procedure == "sp_unprepare") {
        client_.prepared.drop(handle);
        return encode_reply({}, {login_.version, server_name_, true, {}, 0});
    }
    const auto arguments = named_arguments(request.parameters, 1, declared_names(found->declarations));
    const Reply reply = engine_.execute(substitute_parameters(found->sql, arguments), client_);
    return encode_reply(reply, {login_.version, server_name_, true, {}, 0});
}

EncodedReply Conversation::answer_rpc(const RpcRequest& request) {
    const std::string& name = request.procedure;
    if (name == "sp_executesql")
        return run_prepared(parameter_at(request, statement_of_executesql).text, request, 2, 0);
    if (name == "sp_prepare" || name == "sp_prepexec") {
        const std::string sql = parameter_at(request, statement_of_prepare).text;
        const std::int32_t handle = client_.prepared.add({sql, request.parameters[1].text});
        if (name == "sp_prepexec") return run_prepared(sql, request, statement_of_prepare + 1, handle);
        return encode_reply({}, {login_.version, server_name_, true, request.parameters[0].name, handle});
    }
    if (name == "sp_execute" || name == "sp_unprepare") return execute_prepared(request);
    const Reply reply = engine_.execute(exec_statement(request), client_);
    return encode_reply(reply, {login_.version, server_name_, true, {}, 0});
}

std::string Conversation::answer_transaction(TransactionStep step) {
    TokenWriter writer(login_.version);
    const std::string current = transaction_descriptor(transaction_);
    switch (step) {
        case TransactionStep::begin:
            transaction_ = ++last_transaction_;
            writer.environment_bytes(EnvironmentChange::begin_transaction, transaction_descriptor(transaction_), "");
            break;
        case TransactionStep::commit:
            writer.environment_bytes(EnvironmentChange::commit_transaction, "", current);
            transaction_ = 0;
            break;
        case TransactionStep::roll_back:
            writer.environment_bytes(EnvironmentChange::roll_back_transaction, "", current);
            transaction_ = 0;
            break;
        case TransactionStep::save:
            break;
        case TransactionStep::promote:
            throw ProtocolError("distributed transactions are not simulated");
    }
    writer.done(DoneToken::done, done_final, 0);
    return writer.take();
}

}  // namespace tds_server
