// Requests of sessions to their database's collector, in shared memory: a session asks for a connection test or for a
// poll, and waits.
//
// A slot goes free → waiting (by the session) → taken (by the collector) → answered (by the collector) → free (by the
// session). A session that gives up frees its slot at once, and the ticket keeps a late answer out of the next use of
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pg/pg.h"

namespace vitals::ext {

constexpr std::size_t most_answer_bytes = 32 * 1024;

enum class RequestKind { check, poll };

struct Request {
    int slot = 0;
    std::uint64_t ticket = 0;  // tells this use of the slot from others
    RequestKind kind = RequestKind::check;
    int tenant_key = 0;
    std::string server_id;
    int timeout_ms = 0;
};

// The collector's side: takes one waiting request of the current database, and answers it with a JSON text, or with an
// error message for the user.
std::optional<Request> take_request();
void answer_request(const Request& request, bool succeeded, std::string_view answer);

// The session's side: raises PT503 if there is no free slot, no collector, or no answer in time. Returns the answer,
// palloc'd.
char* request(RequestKind kind, int tenant_key, const char* server_id, int timeout_ms);

// For the table of shared areas.
Size requests_size();
void requests_init(void* memory, bool found);

}  // namespace vitals::ext
