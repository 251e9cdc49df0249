// The exception that carries a failed conversation with a server up to the session, which turns it into a result.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "core/wire.h"

namespace vitals::prober {

class TdsFailure : public std::exception {
  public:
    explicit TdsFailure(core::Failure failure) : failure_(std::move(failure)) {}
    TdsFailure(core::ErrorClass error_class, std::string message) : failure_{error_class, 0, std::move(message)} {}

    [[nodiscard]] const core::Failure& failure() const noexcept { return failure_; }
    [[nodiscard]] const char* what() const noexcept override { return failure_.message.c_str(); }

  private:
    core::Failure failure_;
};

}  // namespace vitals::prober
