// What a name lookup that has to fail says.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/wire.h"
#include "prober/freetds/name_resolver.h"
#include "prober/freetds/tds_failure.h"

namespace vitals::prober::test {

inline core::Failure lookup_failure(const NameResolver& resolver, const std::string& host, const Deadline& deadline) {
    try {
        static_cast<void>(resolver.resolve(host, deadline));
    } catch (const TdsFailure& error) {
        return error.failure();
    }
    ADD_FAILURE() << host << " was resolved";
    return {};
}

}  // namespace vitals::prober::test
