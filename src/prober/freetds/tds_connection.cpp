#include "prober/freetds/tds_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>

// db-lib's header defines macros; it stays behind the C++ ones.
#include <sybdb.h>
#include <sybfront.h>

#include "prober/freetds/interposed.h"
#include "prober/freetds/tds_cell.h"

namespace vitals::prober {

namespace {

// After a login the server's greeting has been read; a batch reads at most max_batch_bytes.
constexpr std::size_t max_login_bytes = 256 * 1024;

const char* encryption_text(TlsMode mode) {
    switch (mode) {
        case TlsMode::off:
            return "off";
        case TlsMode::request:
            return "request";
        case TlsMode::require:
            break;
    }
    return "require";
}

std::string configuration_of(const TdsLogin& login) {
    std::string text = fmt::format(
        "[{}]\n\thost = {}\n\tport = {}\n\ttds version = 7.4\n\tencryption = {}\n\tclient charset = UTF-8\n"
        "\tuse ntlmv2 = yes\n",
        connection_section, login.certificate_name, login.port, encryption_text(login.tls));
    // The name switches FreeTDS' verification on; what it loads is ours (interposed_gnutls.cpp).
    if (login.trust) text += "\tca file = system\n\tcheck certificate hostname = yes\n";
    return text;
}

using LoginRecord = std::unique_ptr<LOGINREC, decltype(&dbloginfree)>;

LoginRecord login_record(const TdsLogin& login, const core::Secret& password) {
    LoginRecord record(dblogin(), &dbloginfree);
    if (!record) throw std::bad_alloc();
    dbsetlversion(record.get(), DBVERSION_74);
    if (login.kerberos) {
        // To FreeTDS no name means Kerberos.
        DBSETLUSER(record.get(), "");
        DBSETLSERVERPRINCIPAL(record.get(), login.server_spn.c_str());
    } else {
        DBSETLUSER(record.get(), login.username.c_str());
        DBSETLPWD(record.get(), password.reveal_c_str());
    }
    DBSETLAPP(record.get(), login.app_name.c_str());
    DBSETLCHARSET(record.get(), "UTF-8");
    if (!login.database.empty()) DBSETLDBNAME(record.get(), login.database.c_str());
    if (login.read_only) DBSETLREADONLY(record.get(), 1);
    if (login.packet_size > 0) DBSETLPACKET(record.get(), login.packet_size);
    return record;
}

ResultSet describe_set(DBPROCESS* process) {
    ResultSet set;
    const int columns = std::min(dbnumcols(process), static_cast<int>(max_batch_columns));
    for (int column = 1; column <= columns; ++column) {
        const char* name = dbcolname(process, column);
        set.columns.emplace_back(name != nullptr ? name : "");
    }
    return set;
}

}  // namespace

void TdsConnection::Close::operator()(tds_dblib_dbprocess* process) const noexcept {
    dbclose(process);
}

TdsConnection::TdsConnection(const TdsLogin& login, const core::Secret& password, const Deadline& deadline)
    : guard_(login.tls == TlsMode::require, login.trust,
             {configuration_of(login), login.certificate_name, login.addresses, login.kerberos}) {
    const LoginRecord record = login_record(login, password);
    {
        const GuardScope scope(guard_, deadline, max_login_bytes);
        process_.reset(dbopen(record.get(), connection_section));
        if (process_ && guard_.seen.cut_off != CutOff::none) process_.reset();
    }
    guard_.forget_kerberos();
}

TdsConnection::~TdsConnection() {
    // A server may have claimed a protocol version that ends with a farewell and an answer: nothing is waited for here.
    const GuardScope scope(guard_, Deadline::after(std::chrono::milliseconds{0}), 0);
    process_.reset();
}

bool TdsConnection::good() const noexcept {
    return process_ && dbdead(process_.get()) == 0 && guard_.seen.cut_off == CutOff::none;
}

BatchReply TdsConnection::run(const std::string& sql, const Deadline& deadline, const BatchWatch& watch) {
    guard_.begin_exchange();
    placed_messages_ = 0;
    BatchReply reply;
    {
        GuardScope scope(guard_, deadline, max_batch_bytes);
        // A failing first statement makes dbsqlexec() fail although later statements have results: what counts are the
        // messages, and the results are read to their end in any case.
        const bool sent = dbcmd(process_.get(), sql.c_str()) == SUCCEED && dbsqlsend(process_.get()) == SUCCEED;
        const bool complete = sent && (dbsqlok(process_.get()), read_sets(reply, scope, watch));
        if (!complete && guard_.seen.cut_off == CutOff::none && dbdead(process_.get()) == 0) dbcancel(process_.get());
    }
    reply.errors = guard_.seen.messages;
    return reply;
}

// db-lib reports a message while it looks for the next result set, or when it looks beyond the last row of one.
void TdsConnection::place_messages(std::size_t place) {
    for (; placed_messages_ < guard_.seen.messages.size(); ++placed_messages_)
        guard_.seen.messages[placed_messages_].place = place;
}

bool TdsConnection::read_sets(BatchReply& reply, GuardScope& scope, const BatchWatch& watch) {
    Room room;
    std::size_t max_rows = max_batch_rows;
    for (std::size_t results = 0; results < max_batch_sets; ++results) {
        const RETCODE code = dbresults(process_.get());
        place_messages(2 * reply.sets.size());
        if (code == NO_MORE_RESULTS) return true;
        if (dbdead(process_.get()) != 0 || guard_.seen.cut_off != CutOff::none) return false;
        // FAIL is one failed statement; the next ones may still have results.
        if (code != SUCCEED || dbnumcols(process_.get()) == 0) continue;
        ResultSet set = describe_set(process_.get());
        const bool complete = read_rows(set, max_rows, room);
        place_messages(2 * reply.sets.size() + 1);
        reply.sets.push_back(std::move(set));
        reply.read_at.push_back(Deadline::Clock::now());
        if (!complete) return false;
        if (!watch) continue;
        if (const auto limits = watch(reply.sets.back())) {
            scope.set_deadline(limits->deadline);
            max_rows = limits->max_rows;
        }
    }
    guard_.seen.cut_off = CutOff::too_many_rows;
    return false;
}

bool TdsConnection::read_rows(ResultSet& set, std::size_t max_rows, Room& room) {
    STATUS status = dbnextrow(process_.get());
    for (; status == REG_ROW; status = dbnextrow(process_.get())) {
        if (room.rows == 0) {
            guard_.seen.cut_off = CutOff::too_many_rows;
            return false;
        }
        --room.rows;
        for (std::size_t column = 1; column <= set.columns.size(); ++column)
            set.data_bytes += cell_size(process_.get(), static_cast<int>(column));
        if (set.rows.size() == max_rows) {
            ++set.left_out;
            continue;
        }
        if (room.cells < set.columns.size()) {
            guard_.seen.cut_off = CutOff::too_many_cells;
            return false;
        }
        room.cells -= set.columns.size();
        Row& row = set.rows.emplace_back();
        row.reserve(set.columns.size());
        for (std::size_t column = 1; column <= set.columns.size(); ++column)
            row.push_back(read_cell(process_.get(), static_cast<int>(column)));
    }
    return status == NO_MORE_ROWS;
}

}  // namespace vitals::prober
