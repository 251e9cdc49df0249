// The border between C++ exceptions and the server's longjmp.
//
// An ereport that jumps over a frame with destructors skips them, and an exception that reaches a C frame of the server
// ends the process and with it every session of the cluster. So:
//   * C++ code calls the server through pg::call(), which turns an ERROR into a pg::ServerError exception;
//   * the server calls C++ code through pg::entry(), which turns an exception into an ERROR, raised in a frame that has
//     nothing to destroy.
// FATAL (a terminated worker) is neither: it ends the process where it is raised.
#pragma once

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

namespace vitals::pg {

// An ERROR as plain bytes: can be filled while the server's error state is being cleared and needs no destructor.
struct ErrorFields {
    int sqlstate;
    char message[512];
    char detail[1024];
    char hint[512];
};

// An ERROR of the server on its way through C++ code.
class ServerError : public std::exception {
  public:
    explicit ServerError(const ErrorFields& fields) : fields_(fields) {}
    [[nodiscard]] const char* what() const noexcept override { return fields_.message; }
    [[nodiscard]] const ErrorFields& fields() const noexcept { return fields_; }
    // The five characters, for example "42501".
    [[nodiscard]] std::string sqlstate() const;

  private:
    ErrorFields fields_;
};

namespace detail {

using Thunk = void (*)(void* argument) noexcept;
// Runs the thunk under PG_TRY; on ERROR fills error, leaves the error state cleared and returns false.
bool run_guarded(Thunk thunk, void* argument, ErrorFields& error) noexcept;

// Fills error from the exception in flight; to be called in a catch block. Never throws, never allocates.
void describe_current_exception(ErrorFields& error) noexcept;

[[noreturn]] void raise(const ErrorFields& error);

}  // namespace detail

// Calls code of the server. The callable must hold nothing that needs a destructor and must not throw: it may be left
// by longjmp. After a ServerError the transaction is to be aborted, as always in the server.
template <typename F>
auto call(F&& function) {
    using Returned = std::invoke_result_t<F&>;
    static_assert(std::is_trivially_destructible_v<std::remove_reference_t<F>>, "would be skipped by longjmp");
    ErrorFields error{};
    if constexpr (std::is_void_v<Returned>) {
        const auto thunk = [](void* argument) noexcept { (*static_cast<std::remove_reference_t<F>*>(argument))(); };
        if (!detail::run_guarded(thunk, &function, error)) throw ServerError(error);
    } else {
        static_assert(std::is_trivially_destructible_v<Returned>, "would be skipped by longjmp");
        struct Frame {
            std::remove_reference_t<F>* function;
            Returned returned;
        } frame{&function, Returned{}};
        const auto thunk = [](void* argument) noexcept {
            auto* inner = static_cast<Frame*>(argument);
            inner->returned = (*inner->function)();
        };
        if (!detail::run_guarded(thunk, &frame, error)) throw ServerError(error);
        return frame.returned;
    }
}

// Runs C++ code for the server: an SQL-callable function or a worker's main. Exceptions become an ERROR with their
// SQLSTATE, message, detail and hint (those that are not of the server: internal error).
template <typename F>
auto entry(F&& function) {
    using Returned = std::invoke_result_t<F&>;
    ErrorFields error{};
    if constexpr (std::is_void_v<Returned>) {
        try {
            function();
            return;
        } catch (...) {
            detail::describe_current_exception(error);
        }
    } else {
        static_assert(std::is_trivially_destructible_v<Returned>, "would be skipped by longjmp");
        try {
            return function();
        } catch (...) {
            detail::describe_current_exception(error);
        }
    }
    detail::raise(error);
}

}  // namespace vitals::pg
