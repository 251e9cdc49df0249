#include "pg/boundary.h"

#include <cstring>
#include <new>

#include "pg/pg.h"

namespace vitals::pg {

std::string ServerError::sqlstate() const {
    int code = fields_.sqlstate;
    std::string text;
    for (int i = 0; i < 5; ++i) {
        text.push_back(PGUNSIXBIT(code));
        code >>= 6;
    }
    return text;
}

namespace detail {

namespace {

void copy_text(char* to, std::size_t size, const char* from) noexcept {
    strlcpy(to, from == nullptr ? "" : from, size);
}

}  // namespace

bool run_guarded(Thunk thunk, void* argument, ErrorFields& error) noexcept {
    MemoryContext caller_context = CurrentMemoryContext;
    volatile bool succeeded = false;

    PG_TRY();
    {
        thunk(argument);
        succeeded = true;
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(caller_context);
        ErrorData* data = CopyErrorData();
        FlushErrorState();
        error.sqlstate = data->sqlerrcode;
        copy_text(error.message, sizeof(error.message), data->message);
        copy_text(error.detail, sizeof(error.detail), data->detail);
        copy_text(error.hint, sizeof(error.hint), data->hint);
        FreeErrorData(data);
    }
    PG_END_TRY();
    return succeeded;
}

void describe_current_exception(ErrorFields& error) noexcept {
    error.sqlstate = ERRCODE_INTERNAL_ERROR;
    try {
        throw;
    } catch (const ServerError& server_error) {
        error = server_error.fields();
    } catch (const std::bad_alloc&) {
        error.sqlstate = ERRCODE_OUT_OF_MEMORY;
        copy_text(error.message, sizeof(error.message), "out of memory");
    } catch (const std::exception& exception) {
        copy_text(error.message, sizeof(error.message), exception.what());
    } catch (...) {
        copy_text(error.message, sizeof(error.message), "unknown C++ exception");
    }
}

void raise(const ErrorFields& error) {
    ereport(ERROR, (errcode(error.sqlstate), errmsg_internal("%s", error.message),
                    error.detail[0] != '\0' ? errdetail_internal("%s", error.detail) : 0,
                    error.hint[0] != '\0' ? errhint("%s", error.hint) : 0));
    pg_unreachable();
}

}  // namespace detail

}  // namespace vitals::pg
